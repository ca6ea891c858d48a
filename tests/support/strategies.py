"""What hypothesis draws: small billing databases full of what real ones hold, and policies.

A database is drawn as flat sketches of rows whose references are kinds ("the second of my own tenant's", "one of
another tenant's", "none that exists"), and then written out with ids. So everything shrinks to few, plain rows.

Not here: what the changes should make of a database; that is `tests.support.oracle`.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from meter_assets.billing.policy import BalanceBasis, CustomersWithoutActiveMeter, InvoicesWithoutBills, Policy
from tests.support.oracle import (
    BACKUP,
    INVOICE_AMOUNTS,
    Database,
    Row,
    chronological,
    folded,
    total,
)
from tests.support.repairs import DELETED_AT, UNHEARD_OF, add_up, live, repair

FIRST_IDS = {
    "customers": 101,
    "meters": 201,
    "meter_assignments": 301,
    "bills": 401,
    "invoices": 501,
    "invoice_bills": 601,
    "payments": 701,
}
"""Each table has ids of its own, so that a join on the wrong id finds nothing."""
ORPHAN = 99
"""How far above a table's first id the id is that no row has."""

STATUSES = ("reversed", "failed", "cancelled", "voided", "pending", "draft", "paid", "annulé")
"""The statuses that every policy names, as counted or uncounted."""
HUGE = Decimal("99999999999.99")
NOT_HUGE = Decimal(1_000_000)


def _rarely_null(usual: st.SearchStrategy[Decimal], *, one_in: int) -> st.SearchStrategy[Decimal | None]:
    """Draw null once in so many times (`one_of` would not: it takes each of its strategies once)."""
    return st.sampled_from([False] * (one_in - 1) + [True]).flatmap(lambda yes: st.none() if yes else usual)


# A few values stand for many: repeated dates, statuses and ids are what ties and duplicates are made of.
_tenant = st.integers(0, 2)
_own = [("own", position) for position in range(4)]
_amiss = [("null", 0), ("orphan", 0), ("other", 0)]
_mostly_own = st.sampled_from([*_own * 6, *_amiss])
_maybe_own = st.sampled_from([("null", 0), *_own * 3, *[("null", 0)] * 8, ("orphan", 0), ("other", 0)])
_deleted_at = st.sampled_from([None] * 15 + [DELETED_AT])
_cents = st.integers(-500, 20_000).map(lambda cents: Decimal(cents).scaleb(-2))
_units = st.sampled_from([Decimal(amount) for amount in ("0.00", "1000.00", "500.00", "0.01", "-20.00")])
_amount = st.one_of(_units, _cents)
_maybe_amount = _rarely_null(_amount, one_in=8)
SPELLINGS = (*STATUSES, UNHEARD_OF, "Reversed", "CANCELLED ", "\tDraft", "PAID", "ANNULÉ")
"""The statuses as rows have them."""
_status = st.sampled_from([None, "paid", *SPELLINGS, None, "paid"])
_invoice_date = st.sampled_from([date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 3, 31), None])
_paid_at = st.sampled_from([None, datetime(2024, 1, 31), datetime(2024, 2, 29, 23, 59, 59), datetime(2024, 3, 15, 9)])
BILL_TYPES = ("WATER", "BALANCE", "balance", " Balance ", "balances", "Fee", "Due", "water")
_bill_type = st.sampled_from([*BILL_TYPES, "BALANCE", None])

_assignment = st.fixed_dictionaries(
    {
        "tenant_id": _tenant,
        "customer_id": _mostly_own,
        "meter_id": st.sampled_from([*_own * 3, *_amiss]),
        "is_active": st.sampled_from([True, False, None, True]),
        "deleted_at": _deleted_at,
    }
)
_customer = st.fixed_dictionaries(
    {
        "tenant_id": _tenant,
        "balance": _maybe_amount,
        "overpayment": _maybe_amount,
        "deleted_at": _deleted_at,
        "backed_up": st.sampled_from([False, False, True]),
    }
)
_meter = st.fixed_dictionaries(
    {
        "tenant_id": _tenant,
        "balance": _maybe_amount,
        "overpayment": _maybe_amount,
        "total_billed": _maybe_amount,
        "total_paid": _maybe_amount,
        "last_invoice_date": _invoice_date,
        "is_new": st.booleans(),
        "deleted_at": _deleted_at,
    }
)
_bill = st.fixed_dictionaries({"tenant_id": _tenant, "bill_type": _bill_type, "deleted_at": _deleted_at})
_line = st.fixed_dictionaries(
    {
        "bill_id": st.sampled_from([*_own * 10, *_amiss]),
        "amount": _rarely_null(_amount, one_in=20),
        "tenant_id": st.sampled_from(["null", *["own"] * 20, "other"]),
        "deleted_at": _deleted_at,
    }
)
_invoice = st.fixed_dictionaries(
    {
        "tenant_id": _tenant,
        "customer_id": _mostly_own,
        "meter_id": _mostly_own,
        "invoice_date": _invoice_date,
        "status": _status,
        "deleted_at": _deleted_at,
        "lines": st.lists(_line, max_size=3),
        "stored": st.sampled_from(["drawn", "lines", "total"]),
        "carries_forward": st.booleans(),
        **dict.fromkeys(INVOICE_AMOUNTS, _maybe_amount),
    }
)
_payment = st.fixed_dictionaries(
    {
        "tenant_id": _tenant,
        "customer_id": _mostly_own,
        "invoice_id": _maybe_own,
        "meter_id": st.sampled_from([("null", 0)] * 9 + [*_own[:2], ("orphan", 0), ("other", 0)]),
        "amount": _maybe_amount,
        "status": _status,
        "paid_at": _paid_at,
        "deleted_at": _deleted_at,
    }
)
_stray_lines = st.lists(st.sampled_from(["null", "orphan"]), max_size=1)
_huge_amounts = st.lists(
    st.tuples(st.sampled_from(["invoice_bills", "payments", "invoices", "meters", "customers"]), st.integers(0, 9)),
    max_size=4,
)


def _few_or_many(rows: st.SearchStrategy[Row], few: int, many: int) -> st.SearchStrategy[list[Row]]:
    """Draw mostly many rows, but so that they can shrink to none."""
    is_few = st.sampled_from([True, False, False])
    return is_few.flatmap(lambda yes: st.lists(rows, min_size=0 if yes else few, max_size=few if yes else many))


_sketches = {
    "customers": _few_or_many(_customer, 3, 8),
    "meters": _few_or_many(_meter, 4, 10),
    "meter_assignments": _few_or_many(_assignment, 10, 24),
    "bills": _few_or_many(_bill, 4, 10),
    "invoices": _few_or_many(_invoice, 5, 12),
    "payments": _few_or_many(_payment, 6, 12),
}


@st.composite
def billing_databases(
    draw: st.DrawFn, min_tenants: int = 2, max_tenants: int = 3, *, backups: bool = False
) -> Database:
    """Draw a database of a few tenants in which anything may be wrong.

    With `backups`, some customers have a backup already, in the table `customer_balances_backup`.
    At most four of its amounts are huge, so that every sum stays below 10 to the 12: a DECIMAL(14, 2) holds it.
    """
    tenants = draw(st.integers(min_tenants, max_tenants))
    sketches = {name: draw(rows) for name, rows in _sketches.items()}
    db = _written_out(tenants, sketches)
    _add_stray_lines(db, draw(_stray_lines))
    _make_huge(db, draw(_huge_amounts))
    _carry_forward(db, sketches["invoices"])
    _store_amounts(db, sketches["invoices"])
    if backups:
        db[BACKUP] = list(_backup_rows(db, sketches["customers"]))
    return db


@st.composite
def valid_billing_databases(
    draw: st.DrawFn, min_tenants: int = 2, max_tenants: int = 3, *, policy: Policy | None = None, backups: bool = False
) -> Database:
    """Draw a database whose every tenant could be migrated: nothing would block `meter_balances`.

    That holds under the given policy, or where none is given under every policy: then also the rows that a policy may
    leave uncounted have nothing wrong with them that would be an ERROR if they counted.
    """
    db = draw(billing_databases(min_tenants, max_tenants, backups=backups))
    counted = {f"counted_{table}_statuses": STATUSES for table in ("payment", "invoice")}
    uncounted = {f"uncounted_{table}_statuses": () for table in ("payment", "invoice")}
    strictest = Policy.from_values({**counted, **uncounted})
    for tenant in db["tenants"]:
        repair(db, tenant["id"], policy or strictest)
    return db


def policies() -> st.SearchStrategy[Policy]:
    """Draw a policy of any values; it names each of `STATUSES`, as counted or uncounted."""
    spellings = st.sampled_from([*STATUSES, "Reversed ", "PENDING"])
    uncounted = st.lists(spellings, max_size=5, unique=True).map(tuple)
    return st.builds(
        _policy,
        customers_without_active_meter=st.sampled_from(CustomersWithoutActiveMeter),
        invoices_without_bills=st.sampled_from(InvoicesWithoutBills),
        balance_basis=st.sampled_from(BalanceBasis),
        uncounted_payment_statuses=st.one_of(st.just(("reversed", "failed", "pending")), uncounted),
        uncounted_invoice_statuses=st.one_of(st.just(("cancelled", "draft")), uncounted),
        charge_bill_types=st.sampled_from([("WATER",), ("water", "Fee"), ("WATER ", "BALANCES")]),
        tolerance=st.sampled_from([Decimal(amount) for amount in ("1.00", "0", "0.01", "500.00")]),
    )


def _policy(**values: Any) -> Policy:
    """Return a policy that counts the statuses that are not uncounted."""
    for table in ("payment", "invoice"):
        uncounted = {folded(one) for one in values[f"uncounted_{table}_statuses"]}
        values[f"counted_{table}_statuses"] = tuple(one for one in STATUSES if one not in uncounted)
    return Policy(**values)


# Sketches written out


def _written_out(tenants: int, sketches: dict[str, list[Row]]) -> Database:
    """Give sketched rows their ids, tenants and references."""
    db: Database = {"tenants": [{"id": number, "name": f"Tenant {number}"} for number in range(1, tenants + 1)]}
    for table, rows in sketches.items():
        db[table] = [_written_row(db, table, position, row) for position, row in enumerate(rows)]
    db["invoice_bills"] = [
        _written_line(db, invoice, line)
        for invoice, sketch in zip(db["invoices"], sketches["invoices"], strict=True)
        for line in sketch["lines"]
    ]
    for position, line in enumerate(db["invoice_bills"]):
        line["id"] = FIRST_IDS["invoice_bills"] + position
    return db


REFERENCES = {"customer_id": "customers", "meter_id": "meters", "invoice_id": "invoices", "bill_id": "bills"}
_LABELS = {"customers": ("name", "Customer"), "meters": ("meter_number", "M"), "invoices": ("invoice_number", "INV")}
_ZERO = Decimal("0.00")
_NEW_METER = {
    **dict.fromkeys(("balance", "overpayment", "total_billed", "total_paid"), _ZERO),
    "last_invoice_date": None,
}


def _written_row(db: Database, table: str, position: int, sketch: Row) -> Row:
    row_id = FIRST_IDS[table] + position
    row = {"id": row_id, **sketch, "tenant_id": sketch["tenant_id"] % len(db["tenants"]) + 1}
    for column in REFERENCES.keys() & row.keys():
        row[column] = _reference(db, REFERENCES[column], row["tenant_id"], row[column])
    if table in _LABELS:
        column, label = _LABELS[table]
        row[column] = f"{label} {row_id}"
    if table == "meters":
        row["status"] = "active"
        row.update(_NEW_METER if sketch["is_new"] else {})
    for only_sketched in ("lines", "stored", "carries_forward", "backed_up", "is_new"):
        row.pop(only_sketched, None)
    return row


def _written_line(db: Database, invoice: Row, sketch: Row) -> Row:
    tenant_id = invoice["tenant_id"]
    says = {"null": None, "own": tenant_id, "other": tenant_id % len(db["tenants"]) + 1}
    bill_id = _reference(db, "bills", tenant_id, sketch["bill_id"])
    return {
        **sketch,
        "id": 0,
        "invoice_id": invoice["id"],
        "bill_id": bill_id,
        "tenant_id": says[sketch["tenant_id"]],
    }


def _reference(db: Database, table: str, tenant_id: int, kind: tuple[str, int]) -> int | None:
    """Return the id that a kind of reference from a tenant's row stands for; null where there is no such row."""
    what, position = kind
    if what == "orphan":
        return FIRST_IDS[table] + ORPHAN
    if what == "null":
        return None
    found: list[int] = [row["id"] for row in db[table] if (row["tenant_id"] == tenant_id) == (what == "own")]
    return found[position % len(found)] if found else None


def _add_stray_lines(db: Database, kinds: list[str]) -> None:
    """Add lines that are of no invoice."""
    for kind in kinds:
        stray = FIRST_IDS["invoices"] + ORPHAN if kind == "orphan" else None
        db["invoice_bills"].append(_line_row(db, {"id": stray, "tenant_id": 1}, None, Decimal("7.00")))


def _line_row(db: Database, invoice: Row, bill_id: int | None, amount: Decimal) -> Row:
    return {
        "id": FIRST_IDS["invoice_bills"] + len(db["invoice_bills"]),
        "invoice_id": invoice["id"],
        "bill_id": bill_id,
        "amount": amount,
        "tenant_id": invoice["tenant_id"],
        "deleted_at": None,
    }


def _make_huge(db: Database, places: list[tuple[str, int]]) -> None:
    for table, position in places:
        if db[table]:
            row = db[table][position % len(db[table])]
            row["amount" if "amount" in row else "balance"] = HUGE


def _carry_forward(db: Database, sketches: list[Row]) -> None:
    """Close invoices into the next one of their meter: a BALANCE line, the sum of all the lines before it.

    A huge amount is not carried: along a chain it would become more than four of them.
    """
    carrying = {row["id"] for row, sketch in zip(db["invoices"], sketches, strict=True) if sketch["carries_forward"]}
    chains: dict[int, Row] = {}
    for invoice in sorted(db["invoices"], key=chronological):
        before = chains.get(invoice["meter_id"])
        bill = _bill_of_type(db, invoice["tenant_id"], "BALANCE")
        if before is not None and bill is not None and invoice["id"] in carrying:
            owed = _sum_of_lines(db, before)[2]
            if abs(owed) < NOT_HUGE:
                db["invoice_bills"].append(_line_row(db, invoice, bill["id"], owed))
        chains[invoice["meter_id"]] = invoice


def _bill_of_type(db: Database, tenant_id: int, bill_type: str) -> Row | None:
    found = (row for row in live(db, "bills", tenant_id) if folded(row["bill_type"] or "") == bill_type.lower())
    return next(found, None)


def _sum_of_lines(db: Database, invoice: Row) -> tuple[Decimal, Decimal, Decimal]:
    """Return an invoice's three amounts as its lines have them, whatever is wrong with the lines."""
    lines = [row for row in db["invoice_bills"] if row["invoice_id"] == invoice["id"] and row["deleted_at"] is None]
    balance_bills = {row["id"] for row in db["bills"] if folded(row["bill_type"] or "") == "balance"}
    everything = total(lines, "amount")
    brought_forward = total((row for row in lines if row["bill_id"] in balance_bills), "amount")
    return everything - brought_forward, brought_forward, everything


def _store_amounts(db: Database, sketches: list[Row]) -> None:
    """Store what the invoice's lines say, or a total that the drawn amounts add up to, or leave what was drawn."""
    for invoice, sketch in zip(db["invoices"], sketches, strict=True):
        if sketch["stored"] == "lines":
            invoice.update(zip(INVOICE_AMOUNTS, _sum_of_lines(db, invoice), strict=True))
        elif sketch["stored"] == "total":
            add_up(invoice)


def _backup_rows(db: Database, sketches: list[Row]) -> Iterator[Row]:
    """Back some customers up as they were earlier, with other amounts than they have now."""
    for customer, sketch in zip(db["customers"], sketches, strict=True):
        if sketch["backed_up"]:
            yield {
                "tenant_id": customer["tenant_id"],
                "customer_id": customer["id"],
                "balance": customer["overpayment"],
                "overpayment": customer["balance"],
            }
