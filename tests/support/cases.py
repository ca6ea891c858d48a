"""Cases of rules as text: the rows of a small database, one a line, and beside a row what a rule should make of it.

    a payment takes its invoice's meter [customers_without_active_meter=leave]
        invoice  50  meter=21
        payment  70  invoice=50    -> invoice meter_id=21
        payment  71  invoice=59    -> unresolved invoice_missing

A line at the margin names a case, with the policies that are not the default in brackets. The lines below it are rows:
what it is, its id, the columns that matter (short names in `SHORT`, other values in `_BLANK`), and what is expected:

- of a step: the rule and the new values, `correct`, `unresolved` and the reason, or `ignored`;
- of an invariant: `violates`, and the evidence that matters; a row without an arrow must not violate it.

Every case has the rows of `COMMON` too, unless it has other rows with their ids. Add a kind of row or a short name
here; how cases are put to the SQL and to the oracle is in `rules`.
"""

import shlex
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from tests.support.oracle import BACKUP_RUNS, DECIDED, DECISIONS, INVOICE_AMOUNTS, Database, Row

KINDS = {
    "tenant": "tenants",
    "customer": "customers",
    "meter": "meters",
    "assignment": "meter_assignments",
    "bill": "bills",
    "invoice": "invoices",
    "line": "invoice_bills",
    "payment": "payments",
    "backup": BACKUP,
    "backup-run": BACKUP_RUNS,
    "decision": DECISIONS,
    "decided": DECIDED,
}
SHORT = {
    "tenant": "tenant_id",
    "customer": "customer_id",
    "meter": "meter_id",
    "invoice": "invoice_id",
    "bill": "bill_id",
    "active": "is_active",
    "type": "bill_type",
    "date": "invoice_date",
    "brought": "balance_brought_forward",
    "total": "total_amount",
    "billed": "total_billed",
    "paid": "total_paid",
    "latest": "last_invoice_date",
}
WORDS: dict[str, tuple[str, Any]] = {
    "deleted": ("deleted_at", datetime(2024, 12, 31)),
    "inactive": ("is_active", False),
}
_MONEY = {column for columns in MONEY_COLUMNS.values() for column in columns}
_ZERO = Decimal(0)
_BLANK: dict[str, Row] = {
    "tenants": {"name": "T"},
    "customers": {"name": "C", "balance": _ZERO, "overpayment": _ZERO},
    "meters": {"meter_number": "M", "status": None, "balance": _ZERO, "overpayment": _ZERO}
    | {"total_billed": _ZERO, "total_paid": _ZERO, "last_invoice_date": None},
    "meter_assignments": {"customer_id": 10, "meter_id": 20, "is_active": True},
    "bills": {"bill_type": "WATER"},
    "invoices": {"customer_id": 10, "meter_id": 20, "invoice_number": None, "invoice_date": None, "status": None}
    | dict.fromkeys(INVOICE_AMOUNTS, _ZERO),
    "invoice_bills": {"invoice_id": 50, "bill_id": 40, "amount": _ZERO},
    "payments": {"customer_id": 10, "invoice_id": None, "meter_id": None, "amount": _ZERO}
    | {"status": None, "paid_at": None},
    BACKUP: {"balance": _ZERO, "overpayment": _ZERO},
    BACKUP_RUNS: {"outcome": "succeeded"},
    DECISIONS: {"meter_id": 20, "rule": "first_active_meter"},
    DECIDED: {"meter_id": 20},
}
COMMON = """
    tenant    1
    tenant    2
    customer 10
    customer 12  tenant=2
    meter    20
    meter    21
    meter    22  tenant=2
    bill     40  type=WATER
    bill     41  type=BALANCE
    bill     42  type=WATER  tenant=2
    invoice  52  meter=22  customer=12  tenant=2
"""


@dataclass(frozen=True)
class Case:
    """A database, the policy, and what is expected of its rows: (table, id) -> the words behind the arrow."""

    name: str
    policy: Policy
    rows: Database
    written: list[tuple[str, int]] = field(default_factory=list)
    """The rows of the case itself, in order."""
    expected: dict[tuple[str, int], str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return what the test is called by."""
        return self.name

    def violating(self, table: str) -> dict[int, str]:
        """Return the ids of a table's rows that should violate an invariant, with the evidence that is expected."""
        return {
            row_id: words.removeprefix("violates").strip()
            for (of, row_id), words in self.expected.items()
            if of == table
        }


def cases(text: str) -> list[Case]:
    """Read cases from a table."""
    blocks: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if line[0].isspace():
            blocks[-1][1].append(line)
        else:
            blocks.append((line, []))
    return [_case(header, lines) for header, lines in blocks]


def _case(header: str, lines: list[str]) -> Case:
    name, _, policies = header.partition("[")
    read = [_row(line) for line in lines]
    common = [_row(line) for line in COMMON.strip().splitlines()]
    taken = {(table, row["id"]) for table, row, _ in read}
    db: Database = {table: [] for table in _BLANK}
    for table, row, _ in [*(one for one in common if (one[0], one[1]["id"]) not in taken), *read]:
        db[table].append(row)
    return Case(
        name.strip(),
        Policy.from_values(dict(_policy(one) for one in shlex.split(policies.rstrip("]")))),
        db,
        [(table, row["id"]) for table, row, _ in read],
        {(table, row["id"]): expected for table, row, expected in read if expected},
    )


def _policy(words: str) -> tuple[str, Any]:
    name, _, value = words.partition("=")
    return name, tuple(value.split(",")) if name.endswith(("_statuses", "_types", "_columns")) else value


def _row(line: str) -> tuple[str, Row, str]:
    """Read one row: its table, its columns, and what is expected of it."""
    given, _, expected = line.partition("->")
    kind, row_id, *words = shlex.split(given)
    table = KINDS[kind]
    told = dict(value_of(word) for word in words)
    tenant = {} if table in ("tenants", "invoice_bills") else {"tenant_id": 1}
    row = {"id": int(row_id), **tenant, **_BLANK[table], **told}
    if table == "invoices" and "total_amount" not in told:
        row["total_amount"] = (row["amount"] or _ZERO) + (row["balance_brought_forward"] or _ZERO)
    if table == BACKUP:
        row["customer_id"] = row["id"]
    return table, row, expected.strip()


def value_of(word: str) -> tuple[str, Any]:
    """Read `column=value`, or one of `WORDS`."""
    if word in WORDS:
        return WORDS[word]
    column, text = column_and_text(word)
    return column, None if text == "null" else _typed(column, text)


def column_and_text(word: str) -> tuple[str, str]:
    """Split `column=value`; the column may have its short name."""
    name, _, text = word.partition("=")
    return SHORT.get(name, name), text


def _typed(column: str, text: str) -> Any:
    if column == "paid_at":
        return datetime.fromisoformat(text)
    if column.endswith("_date"):
        return date.fromisoformat(text)
    if column == "is_active":
        return text == "true"
    if column.endswith("_id"):
        return int(text)
    return Decimal(text) if column in _MONEY else text
