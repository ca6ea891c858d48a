"""What hypothesis draws where a bill type may be earlier debt: meters whose invoices mostly repeat what was owed.

Other databases, in which such lines are equal to the debt by chance only, are in `strategies`.
"""

from datetime import date, datetime
from decimal import Decimal

from hypothesis import strategies as st

from tests.support.oracle import Database, Row

WATER, MISC, BALANCE = 401, 402, 403
BILL_TYPES = {WATER: "WATER", MISC: "Misc", BALANCE: "balance"}
METERS = (201, 202)
_ZERO = Decimal("0.00")
_amount = st.sampled_from([Decimal(amount) for amount in ("10.00", "20.50", "0.05", "-3.00", "0.00")])
_invoice = st.fixed_dictionaries(
    {
        "charge": _amount,
        "repeats": st.sampled_from(["what was owed"] * 3 + ["another amount", "nothing"]),
        "other": _amount,
        "bill_id": st.sampled_from([MISC] * 4 + [BALANCE]),
        "status": st.sampled_from(["paid"] * 4 + ["draft"]),
        "paid": st.one_of(st.just(_ZERO), _amount),
    }
)


@st.composite
def repeated_debts(draw: st.DrawFn) -> Database:
    """Draw one tenant with two meters; what a meter owes is repeated in lines of a bill type of no known meaning."""
    bills = [{"id": bill_id, "tenant_id": 1, "bill_type": name} for bill_id, name in BILL_TYPES.items()]
    meters: list[Row] = [{"id": meter_id, "tenant_id": 1} for meter_id in METERS]
    db: Database = {"tenants": [{"id": 1, "name": "Tenant 1"}], "meters": meters, "bills": bills}
    db.update({"invoices": [], "invoice_bills": [], "payments": []})
    for meter_id in METERS:
        owed = _ZERO
        for month, sketch in enumerate(draw(st.lists(_invoice, min_size=2, max_size=5)), start=1):
            owed = _bill(db, meter_id, month, sketch, owed)
    return db


def _bill(db: Database, meter_id: int, month: int, sketch: Row, owed: Decimal) -> Decimal:
    """Add an invoice, and the payment of that month; return what the meter owes then, if repeated debt is no charge."""
    of_meter = {"tenant_id": 1, "meter_id": meter_id, "status": sketch["status"]}
    invoice = {"id": 501 + len(db["invoices"]), "invoice_date": date(2024, month, 1), **of_meter}
    db["invoices"].append(invoice)
    repeated = {"what was owed": owed, "another amount": sketch["other"], "nothing": None}[sketch["repeats"]]
    for bill_id, amount in ((WATER, sketch["charge"]), (sketch["bill_id"], repeated)):
        if amount is not None:
            line = {"id": 601 + len(db["invoice_bills"]), "invoice_id": invoice["id"], "tenant_id": 1}
            db["invoice_bills"].append({**line, "bill_id": bill_id, "amount": amount})
    paid = {"id": 701 + len(db["payments"]), "amount": sketch["paid"], "paid_at": datetime(2024, month, 15)}
    db["payments"].append({**of_meter, **paid, "status": "paid"})
    opening: Decimal = (repeated or _ZERO) if month == 1 else _ZERO
    billed: Decimal = sketch["charge"] + opening if sketch["status"] == "paid" else _ZERO
    left: Decimal = owed + billed - sketch["paid"]
    return left
