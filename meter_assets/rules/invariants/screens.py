"""Screens: cheap conditions on rows, of which every violation of an invariant fulfils one.

Almost all rows fulfil almost all invariants. So one pass over a table looks for suspects of many invariants, and only
an invariant with a suspect is evaluated by its own SELECT. A screen may find too much, but never too little. Conditions
that few rows fulfil come first in it: the others are then hardly ever computed. Add a pass here if several invariants
look at the same joined rows; the screens of an invariant are in its own module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, func, select, true

from meter_assets.billing.conditions import has_status
from meter_assets.billing.invoice_lines import kinds_of_bills, recomputed
from meter_assets.billing.relations import BillingRelations

PAYMENTS = "payments"
"""Each payment, with the invoice and the meter of its tenant that it names."""
INVOICES = "invoices"
"""Each invoice, with the sums of its lines, and with the meter of its tenant that it names."""
BILLS = "bills"
"""Each bill, with what the policy says of its type."""
_STORED = "stored_"
_NTH = "__"


def stored(table: str) -> str:
    """Return the name of the pass over all rows of a table as they are stored, soft-deleted ones too."""
    return _STORED + table


@dataclass(frozen=True)
class Context:
    """The rows of one pass: those of a table, each with what it names, or nulls."""

    relations: BillingRelations
    row: FromClause
    source: FromClause
    invoice: FromClause
    meter: FromClause
    table: str

    def is_counted(self) -> ColumnElement[bool]:
        """Return whether the payment or the invoice counts."""
        return self.relations.is_counted(self.table, self.row)

    def has_unknown_status(self) -> ColumnElement[bool]:
        """Return whether the payment or the invoice has a status that the policy does not name."""
        known = [status for statuses in self.relations.statuses(self.table) for status in statuses]
        return and_(self.row.c.status.is_not(None), ~has_status(self.row, known))


@dataclass(frozen=True)
class Screen:
    """A condition on the rows of a pass: if no row fulfils it, nothing violates the invariant."""

    of: str
    is_suspect: Callable[[Context], ColumnElement[bool]]


Screens = Callable[[BillingRelations], tuple[Screen, ...]]
"""Returns the screens of an invariant in a database."""


def screen(of: str, is_suspect: Callable[[Context], ColumnElement[bool]]) -> Screens:
    """Return the only screen of an invariant."""
    only = (Screen(of, is_suspect),)
    return lambda relations: only


def suspects(
    relations: BillingRelations, screens: Mapping[str, Sequence[Screen]], only_ids: Select[Any] | None
) -> Select[Any] | None:
    """Return the SELECT of the number of suspects of each invariant, by its name: every pass once, in one statement.

    `only_ids` restricts suspects to the rows with these ids. Returns None if there are no screens.
    """
    named = [(name, one) for name, found in screens.items() for one in found]
    passes = [
        _pass(relations, of, [(name, one) for name, one in named if one.of == of], only_ids)
        for of in dict.fromkeys(one.of for _, one in named)
    ]
    if not passes:
        return None
    together = reduce(lambda one, other: one.join(other, true()), passes[1:], passes[0])
    counted: dict[str, list[ColumnElement[int]]] = {}
    for column in chain.from_iterable(one.c for one in passes):
        counted.setdefault(str(column.key).partition(_NTH)[0], []).append(column)
    sums: list[Any] = [reduce(add, found).label(name) for name, found in counted.items()]
    return select(*sums).select_from(together)


def _pass(
    relations: BillingRelations, of: str, screens: Sequence[tuple[str, Screen]], only_ids: Select[Any] | None
) -> FromClause:
    """Return one row with the number of suspects of each screen of a pass."""
    at = _context(of, relations)
    # The ids are looked at last: hardly any row is a suspect.
    among = () if only_ids is None else (at.row.c.id.in_(only_ids),)
    counts: list[Any] = [
        func.count(case((and_(one.is_suspect(at), *among), 1))).label(f"{name}{_NTH}{nth}")
        for nth, (name, one) in enumerate(screens)
    ]
    return select(*counts).select_from(at.source).subquery(f"pass_over_{of}")


def _context(name: str, relations: BillingRelations) -> Context:
    if name.startswith(_STORED):
        row = relations.stored(name.removeprefix(_STORED))
        return Context(relations, row, row, row, row, name)
    if name == BILLS:
        row = kinds_of_bills(relations)
        return Context(relations, row, row, row, row, name)
    meter = relations.meters
    if name == INVOICES:
        row = recomputed(relations)
        return Context(relations, row, row.outerjoin(meter, _names(row, "meter_id", meter)), row, meter, name)
    row, invoice = relations.payments, relations.invoices
    joined = row.outerjoin(invoice, _names(row, "invoice_id", invoice)).outerjoin(meter, _names(row, "meter_id", meter))
    return Context(relations, row, joined, invoice, meter, name)


def _names(row: FromClause, key: str, other: FromClause) -> ColumnElement[bool]:
    return and_(other.c.id == row.c[key], other.c.tenant_id == row.c.tenant_id)
