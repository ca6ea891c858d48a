"""What `meter-assets explain` prints: the statement of a meter, or of all meters of a customer.

Add here what only this command prints. Statements are made in `reports.statements`, their tables in
`reports.statements.tables`.
"""

from datetime import date

from meter_assets import settings
from meter_assets.cli.csv_output import print_csv
from meter_assets.cli.forms import Form
from meter_assets.cli.json_output import print_json
from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import named
from meter_assets.reports.statements import tables as render
from meter_assets.reports.statements.explain import Explained, ExplainedCustomer, explain_customer, explain_meter


def show_explanation(
    tenant_key: str,
    *,
    meter: str | None,
    customer: str | None,
    by: str | None,
    as_of: date | None,
    history: bool,
    form: Form,
) -> int:
    """Print the statement of a meter, or of a customer's meters. Return the exit status.

    It is 1 if a stored balance of a migrated tenant is not what the statement adds up to. Raises UnknownRow,
    UnknownTenant and UnknownPolicy.
    """
    database, policy = settings.billing_database(), settings.policy()
    database.remember()
    (tenant,) = database.tenants(database.tenant_keys([tenant_key]))
    if customer is None:
        found = [explain_meter(database, tenant, policy, meter or "", by=by, as_of=as_of, history=history)]
        whole: Explained | ExplainedCustomer = found[0]
    else:
        of_customer = explain_customer(database, tenant, policy, customer, by=by, as_of=as_of, history=history)
        found, whole = of_customer.meters, of_customer
    if form is Form.json:
        print_json(whole)
    elif form is Form.csv:
        print_csv(render.change_rows(found) if history else render.entry_rows(found))
    else:
        terminal = Terminal()
        if isinstance(whole, ExplainedCustomer):
            terminal.heading(f"Customer {named(whole.customer_id, whole.name)}")
        for one in found:
            _show(terminal, one)
            if isinstance(whole, Explained):
                terminal.grid(render.without_meter(one.awaited))
        if isinstance(whole, ExplainedCustomer):
            _show_rest(terminal, whole)
    statements = [one.statement for one in found]
    return int(any(one.migrated and not one.is_deleted and one.agrees is False for one in statements))


def _show(terminal: Terminal, explained: Explained) -> None:
    statement = explained.statement
    terminal.heading(render.title(statement))
    for customer in statement.customers:
        terminal.evidence(f"Customer {customer}")
    if statement.entries:
        terminal.grid(render.entries(statement))
    else:
        terminal.print("No invoice and no payment is on this meter.")
    terminal.print(render.conclusion(statement))
    if explained.history is not None:
        terminal.grid(render.changes(explained.history))
        terminal.grid(render.runs(explained.history))


def _show_rest(terminal: Terminal, found: ExplainedCustomer) -> None:
    """Print what belongs to the customer and to no meter."""
    terminal.print("")
    terminal.print(render.customer_conclusion(found))
    terminal.grid(render.without_meter(found.without_meter))
