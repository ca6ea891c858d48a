"""The words by which other programs name tables and columns: what `suggested_mapping` looks for.

Add a word here that a billing system uses. A word stands for names in any case and number: `invoice` for
`Invoices`. The first words of a list are the likeliest.
"""

import re
from collections.abc import Mapping

TABLES: Mapping[str, tuple[str, ...]] = {
    "tenants": (
        "tenant",
        "company",
        "organisation",
        "organization",
        "utility",
        "district",
        "branch",
        "municipality",
        "provider",
    ),
    "customers": (
        "customer",
        "client",
        "consumer",
        "subscriber",
        "account",
        "person",
        "member",
        "household",
        "user",
    ),
    "meters": ("meter", "device", "water_meter", "counter"),
    "meter_assignments": (
        "meter_assignment",
        "assignment",
        "customer_meter",
        "meter_customer",
        "occupancy",
        "connection",
        "installation",
    ),
    "bills": ("bill", "item", "service", "product", "tariff", "charge_type", "charge", "fee"),
    "invoices": ("invoice", "invoice_head", "water_bill", "statement", "bill"),
    "invoice_bills": (
        "invoice_bill",
        "invoice_line",
        "invoice_item",
        "invoice_row",
        "invoice_detail",
        "bill_line",
        "line",
    ),
    "payments": ("payment", "receipt", "collection", "transaction"),
}
COLUMNS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("tenants", "name"): ("name", "title", "label", "company_name"),
    ("customers", "name"): ("name", "full_name", "title", "holder", "label"),
    ("customers", "balance"): ("balance", "debt", "due", "owes", "owed", "saldo", "outstanding"),
    ("customers", "overpayment"): ("overpayment", "credit", "prepaid", "advance"),
    ("meters", "meter_number"): ("meter_number", "serial", "serial_number", "meter_no", "number", "code"),
    ("meters", "status"): ("status", "state", "condition", "condition_now"),
    ("meters", "balance"): ("balance", "debt", "due"),
    ("meters", "overpayment"): ("overpayment", "credit", "prepaid", "advance"),
    ("meter_assignments", "is_active"): ("is_active", "active", "enabled", "is_current"),
    ("bills", "bill_type"): ("bill_type", "type", "kind", "item", "name"),
    ("invoices", "invoice_number"): ("invoice_number", "number", "bill_no", "invoice_no", "nr", "no"),
    ("invoices", "invoice_date"): (
        "invoice_date",
        "date",
        "bill_date",
        "issued",
        "issued_on",
        "dated",
        "day",
        "created_at",
    ),
    ("invoices", "amount"): ("amount", "net", "charges", "subtotal"),
    ("invoices", "balance_brought_forward"): (
        "balance_brought_forward",
        "brought_forward",
        "carried",
        "arrears",
        "previous_balance",
    ),
    ("invoices", "total_amount"): ("total_amount", "total", "gross", "payable", "grand_total"),
    ("invoices", "status"): ("status", "state"),
    ("invoice_bills", "amount"): ("amount", "price", "money", "total", "value"),
    ("payments", "amount"): ("amount", "paid", "money", "value"),
    ("payments", "status"): ("status", "state"),
    ("payments", "paid_at"): (
        "paid_at",
        "paid_on",
        "payment_date",
        "date",
        "booked",
        "received",
        "collected_on",
        "paid",
        "created_at",
    ),
}
ENDS = ("ends", "ended", "ended_at", "end_date", "valid_to", "until")
"""Names of the end of a range of dates: what has none is active."""
NOT_CHARGES = ("tax_rate", "discount_rate", "quantity", "reading", "rate")
"""Numbers of an invoice that are no money."""
_IRREGULAR = {"people": "person", "children": "child"}
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def words_of(name: str) -> str:
    """Return a name in lower case with underscores: "CustomerID" and "Customer Id" become customer_id."""
    return "_".join(part.lower() for part in _PARTS.findall(name))


def singular(name: str) -> str:
    """Return the words of a name of a table, the last of them in the singular."""
    *others, last = words_of(name).split("_") or [""]
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("ies"):
        last = f"{last[:-3]}y"
    elif last.endswith(("ches", "shes", "xes", "sses")):
        last = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us")):
        last = last[:-1]
    return "_".join([*others, last])
