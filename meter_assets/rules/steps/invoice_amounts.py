"""The step that recomputes the amounts of every invoice from its lines (see `billing.invoice_lines`)."""

from sqlalchemy import and_, case, select

from meter_assets.billing.change import Change, changed_columns, outcome_columns
from meter_assets.billing.columns import CREATED_AT_COLUMN
from meter_assets.billing.invoice_lines import AMOUNTS, equals_its_lines, reason_to_skip, recomputed
from meter_assets.billing.money import exact, or_zero, stored
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants import Group, named, of_group
from meter_assets.rules.steps.step import Step, StepGuards

SUM_OF_LINES = "sum_of_lines"
ROUNDED_SUM_OF_LINES = "rounded_sum_of_lines"
ZERO_WITHOUT_LINES = "zero_without_lines"
RULES = (SUM_OF_LINES, ROUNDED_SUM_OF_LINES, ZERO_WITHOUT_LINES)

ADD_UP = named(
    "every_counted_invoice_adds_up",
    "every_uncounted_invoice_adds_up",
    "every_counted_invoice_equals_its_lines",
    "every_uncounted_invoice_equals_its_lines",
)


def invoice_amounts(relations: BillingRelations) -> Change:
    """Return the change that sets amount, balance_brought_forward and total_amount to the sums of the lines."""
    invoice = recomputed(relations)
    columns = relations.schema.written_columns(STEP)
    reason, same = reason_to_skip(invoice, relations.policy), equals_its_lines(invoice, columns)
    rule = case(
        (invoice.c.lines.is_(None), ZERO_WITHOUT_LINES),
        (invoice.c.is_rounded, ROUNDED_SUM_OF_LINES),
        else_=SUM_OF_LINES,
    )
    after = {name: stored(invoice.c[f"lines_{name}"]) for name in columns}
    return Change(
        STEP,
        columns=columns,
        examined=select(
            invoice.c.tenant_id,
            invoice.c.id,
            *outcome_columns(and_(reason.is_(None), same), case((reason.is_(None), rule)), reason),
            or_zero(exact(invoice.c.total_amount)).label("money"),
            *changed_columns(invoice, after),
        ),
    )


STEP = Step(
    name="invoice_amounts",
    title="Recompute invoices' amounts from their lines",
    table="invoices",
    key="invoice_id",
    columns=AMOUNTS,
    money=AMOUNTS,
    worth=(("total_amount", 1),),
    worth_title="total before",
    context=("invoice_number",),
    recognized_by=(CREATED_AT_COLUMN, "meter_id", "invoice_number", "invoice_date"),
    reads=("invoices", "invoice_bills", "bills"),
    guards=StepGuards(
        values=of_group(Group.values),
        before=named("every_bill_type_has_one_meaning"),
        of_written_rows=ADD_UP,
    ),
    checks=(Group.invoices,),
    corrects=ADD_UP,
    compute=invoice_amounts,
)
