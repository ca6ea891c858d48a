"""The commands that show why balances are what they are."""

from datetime import datetime

import click

from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors
from meter_assets.cli.forms import Form, one_form
from meter_assets.cli.selection import Asks, Selection, tenant_options
from meter_assets.reports.statements.explain import BY


@click.command(short_help="Show why a meter owes what it owes.")
@click.argument("meter", required=False)
@click.option("--tenant", "tenant", required=True, metavar="TENANT", help="The tenant, by its id or its exact name.")
@click.option("--customer", metavar="CUSTOMER", help="Instead of a meter: all meters of a customer, by id or name.")
@click.option(
    "--by",
    type=click.Choice(BY),
    help="What METER or CUSTOMER is: only an id, or only a number (of a customer, the name). Default: either.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Only invoices and payments up to this day: what was owed at its end.",
)
@click.option("--history", is_flag=True, help="Also list every journaled change of the meter and its rows.")
@reports_errors()
@one_form("Print JSON.", "Print CSV: the entries, or with --history the changes.")
def explain(
    meter: str | None,
    tenant: str,
    customer: str | None,
    by: str | None,
    as_of: datetime | None,
    history: bool,
    form: Form,
) -> int:
    """Print the statement of METER (an id or a meter number): every invoice and payment in date order, and why.

    It starts with the opening balance, has the rule by which each payment came to the meter, says why a row is not
    counted, and ends with the balance that the meter's stored balance must equal. The exit status is 1 if a migrated
    meter has another one.
    """
    from meter_assets.cli.explain import show_explanation

    if (meter is None) == (customer is None):
        raise click.UsageError("Name either a METER or --customer.")
    day = as_of.date() if as_of else None
    return show_explanation(tenant, meter=meter, customer=customer, by=by, as_of=day, history=history, form=form)


@click.command(short_help="Show why meters owe something else than their customers owed.")
@tenant_options(Asks.to_look)
@click.option("--customer", metavar="CUSTOMER", help="Only this customer, by id or name, of one tenant.")
@options.customer_by
@reports_errors()
@one_form("Print JSON, with every customer that differs.", "Print CSV: one row for each cause of each customer.")
def differences(tenants: Selection, customer: str | None, by: str | None, form: Form) -> int:
    """List the customers whose meters owe something else than the customer owed before, with the causes.

    The causes of a customer add up to the difference exactly; what no row explains is said to be unexplained. Of a
    tenant that is not migrated, the differences are those that a migration would lead to. Nothing is written.
    """
    from meter_assets.cli.differences import show_differences

    return show_differences(tenants, customer=customer, by=by, form=form)
