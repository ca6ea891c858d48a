"""Fixes of drawn billing databases, so that no ERROR of payments or invoices keeps a tenant from being migrated.

Add a fix here when a new invariant blocks; how databases are drawn is in `strategies`.
"""

from collections.abc import Iterator
from datetime import datetime

from meter_assets.billing.policy import CustomersWithoutActiveMeter, Policy
from tests.support.oracle import Database, Row, folded, payment_meter_ids, total, violations

UNHEARD_OF = "unheard-of"
"""A status that no policy names."""
DELETED_AT = datetime(2024, 12, 31, 12, 0)


def live(db: Database, table: str, tenant_id: int) -> list[Row]:
    """Return the rows of a tenant that are not deleted."""
    return [row for row in db[table] if row["tenant_id"] == tenant_id and row["deleted_at"] is None]


def add_up(invoice: Row) -> None:
    """Make the total of an invoice the sum of its parts."""
    invoice["total_amount"] = total([invoice], "amount") + total([invoice], "balance_brought_forward")


def repair(db: Database, tenant_id: int, policy: Policy) -> None:
    """Fix a tenant's rows, or delete those that cannot be, until no ERROR of payments or invoices is left."""
    _give_one_meaning(db, tenant_id)
    broken = violations(db, tenant_id, policy)
    for line in _rows(db, "invoice_bills", broken["every_invoice_line_is_complete"]):
        _complete_line(db, line, tenant_id)
    for name in ("every_counted_invoice_has_a_meter", "every_invoice_meter_exists_in_its_tenant"):
        for invoice in _rows(db, "invoices", broken[name]):
            _give_meter(db, invoice, tenant_id)
    for invoice in _rows(db, "invoices", violations(db, tenant_id, policy)["every_counted_invoice_adds_up"]):
        add_up(invoice)
    _repair_payments(db, tenant_id, policy)


def _give_one_meaning(db: Database, tenant_id: int) -> None:
    """Replace statuses and bill types that the default policy does not name."""
    policy = Policy()
    known = {
        "payments": policy.counted_payment_statuses + policy.uncounted_payment_statuses,
        "invoices": policy.counted_invoice_statuses + policy.uncounted_invoice_statuses,
    }
    for table, statuses in known.items():
        for row in live(db, table, tenant_id):
            if row["status"] is not None and folded(row["status"]) not in statuses:
                row["status"] = None
    for bill in live(db, "bills", tenant_id):
        if folded(bill["bill_type"] or "") not in ("water", "balance"):
            bill["bill_type"] = "WATER"


def _repair_payments(db: Database, tenant_id: int, policy: Policy) -> None:
    broken = violations(db, tenant_id, policy)
    for payment in _rows(db, "payments", broken["every_payment_meter_exists_in_its_tenant"]):
        _give_meter(db, payment, tenant_id)
    leave = policy.model_copy(update={"customers_without_active_meter": CustomersWithoutActiveMeter.leave})
    decided = payment_meter_ids(db, tenant_id, leave).rows.keys()
    for payment in _rows(db, "payments", broken["every_counted_payment_has_a_meter"] - decided):
        _give_meter(db, payment, tenant_id)


def _rows(db: Database, table: str, ids: set[int]) -> Iterator[Row]:
    return (row for row in db[table] if row["id"] in ids)


def _complete_line(db: Database, line: Row, tenant_id: int) -> None:
    """Give a line what it lacks; where the tenant has no bill to name, delete it."""
    bills = live(db, "bills", tenant_id)
    if line["tenant_id"] is not None:
        line["tenant_id"] = tenant_id
    line["amount"] = total([line], "amount")
    if not bills:
        line["deleted_at"] = DELETED_AT
    elif line["bill_id"] not in {bill["id"] for bill in bills}:
        line["bill_id"] = bills[line["id"] % len(bills)]["id"]


def _give_meter(db: Database, row: Row, tenant_id: int) -> None:
    """Give a row one of its tenant's meters; where the tenant has none, delete it."""
    meters = live(db, "meters", tenant_id)
    if meters:
        row["meter_id"] = meters[row["id"] % len(meters)]["id"]
    else:
        row["deleted_at"] = DELETED_AT
