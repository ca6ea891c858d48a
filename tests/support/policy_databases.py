"""Small billing databases in which the choice of a policy matters, for tests that compare policies.

One tenant whose meters were billed for months: invoices and payments of several statuses, debt brought forward,
invoices without lines, payments without a meter, customers without an active meter. Databases in which anything may be
wrong are drawn in `strategies`.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from meter_assets.billing.policy import Policy, RoundingOfSums
from tests.support import oracle
from tests.support.oracle import Database, Row
from tests.support.oracle.books import BACKUP, Books, net
from tests.support.oracle.steps import meters_named_by

PAYMENT_STATUSES = ("completed", "Completed ", "pending", "reversed", "bounced", None)
INVOICE_STATUSES = ("open", "PAID", "cancelled", None)
BILL_TYPES = ("WATER", "SEWERAGE", "BALANCE", "Arrears")
_FIRST_DAY = date(2024, 1, 1)


def policy_database(random: Random, customers: int = 20, *, decimals: int = 2) -> Database:
    """Return a database with one tenant; its stored balances are zero until `with_old_balances` sets them.

    With more `decimals` than 2, lines have fractions of a cent.
    """
    db: Database = {"tenants": [{"id": 1, "name": "Tenant 1"}]}
    for table in ("customers", "meters", "meter_assignments", "invoices", "invoice_bills", "payments"):
        db[table] = []
    db["bills"] = [{"id": at, "tenant_id": 1, "bill_type": kind} for at, kind in enumerate(BILL_TYPES, start=1)]
    for _ in range(customers):
        _add_customer(db, random, decimals)
    return db


def _add(db: Database, table: str, **values: object) -> int:
    db[table].append({"id": len(db[table]) + 1, "tenant_id": 1, **values})
    return len(db[table])


def _add_customer(db: Database, random: Random, decimals: int) -> None:
    zero = {"balance": Decimal(0), "overpayment": Decimal(0)}
    customer = _add(db, "customers", name="A customer", **zero)
    has_active = random.random() < 0.7
    for at in range(random.choice((1, 1, 2))):
        meter = _add(db, "meters", meter_number=f"M-{customer}-{at}", status="active", **zero)
        _add(db, "meter_assignments", customer_id=customer, meter_id=meter, is_active=has_active and at == 0)
        for _ in range(random.randint(2, 5)):
            _add_invoice(db, random, customer, meter, decimals)
    for _ in range(random.randint(1, 5)):
        own = [one["id"] for one in db["invoices"] if one["customer_id"] == customer]
        _add(
            db,
            "payments",
            customer_id=customer,
            invoice_id=random.choice((None, random.choice(own))),
            meter_id=None,
            amount=_money(random, 2),
            status=random.choice(PAYMENT_STATUSES),
            paid_at=None,
        )


def _add_invoice(db: Database, random: Random, customer: int, meter: int, decimals: int) -> None:
    invoice = _add(
        db,
        "invoices",
        customer_id=customer,
        meter_id=meter,
        invoice_number="I",
        invoice_date=_FIRST_DAY + timedelta(days=30 * random.randint(0, 6)),
        amount=_money(random, 2),
        balance_brought_forward=Decimal(0),
        total_amount=_money(random, 2),
        status=random.choice(INVOICE_STATUSES),
    )
    if random.random() < 0.1:
        return
    for bill in range(1, len(BILL_TYPES) + 1):
        if bill == 1 or random.random() < 0.4:
            _add(db, "invoice_bills", invoice_id=invoice, bill_id=bill, amount=_money(random, decimals))


def _money(random: Random, decimals: int) -> Decimal:
    return Decimal(random.randint(1, 50_000 * 10 ** (decimals - 2))).scaleb(-decimals)


def any_policy(random: Random, *, rounds: bool = False) -> Policy:
    """Return a policy of any values that move money, with each status counted or not; the tolerance is the default."""
    values: dict[str, object] = {
        "customers_without_active_meter": random.choice(("leave", "first_assigned_meter")),
        "invoices_without_bills": random.choice(("keep", "zero")),
        "balance_basis": random.choice(("charges_and_opening_balance", "invoice_totals")),
        "rounding_of_sums": random.choice(tuple(RoundingOfSums)) if rounds else RoundingOfSums.none,
    }
    for table, statuses in (("payment", PAYMENT_STATUSES), ("invoice", INVOICE_STATUSES)):
        words = sorted({one.strip().lower() for one in statuses if one})
        uncounted = tuple(one for one in words if random.random() < 0.5)
        values[f"uncounted_{table}_statuses"] = uncounted
        values[f"counted_{table}_statuses"] = tuple(one for one in words if one not in uncounted)
    return Policy.from_values(values)


def balances_by_the_oracle(db: Database, tenant_id: int, policy: Policy) -> dict[int, tuple[Decimal, Decimal]]:
    """Return what each customer owed before and would owe after a migration, by plain Python."""
    backed_up = {row["customer_id"]: net([row]) for row in Books(db, tenant_id, policy).own(BACKUP)}
    after, _ = oracle.migrated(db, tenant_id, policy)
    books = Books(after, tenant_id, policy)
    found = {}
    for customer in books.own("customers"):
        key = customer["id"]
        assignments = books.active_assignments(key) or books.valid_assignments(key)
        found[key] = backed_up.get(key, net([customer])), net(meters_named_by(books, assignments))
    return found


def with_old_balances(db: Database, owed: Mapping[int, Decimal]) -> Database:
    """Return the database with what its customers owe as their stored balances."""
    return {**db, "customers": [_owing(row, owed[row["id"]]) for row in db["customers"]]}


def owed_by_the_oracle(db: Database, policy: Policy) -> dict[int, Decimal]:
    """Return what each customer of the only tenant would owe after a migration, by plain Python."""
    return {key: new for key, (_, new) in balances_by_the_oracle(db, 1, policy).items()}


def _owing(customer: Row, owed: Decimal) -> Row:
    return {**customer, "balance": max(owed, Decimal(0)), "overpayment": max(-owed, Decimal(0))}
