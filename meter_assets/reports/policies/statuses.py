"""How policies treat the statuses that a tenant's rows have, as bits: for sums that many policies select from.

Statuses that all policies treat alike share a bit, so that rows are added up for few groups of statuses. Add here what
depends on the statuses that a policy counts. The sums are in `parts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, case, func, literal_column, select

from meter_assets.billing.conditions import as_text, is_one_of
from meter_assets.billing.constructs import as_written
from meter_assets.billing.policy import Policy, folded
from meter_assets.errors import InvalidSettings

Words = frozenset[str]
NEVER_COUNTED = -1
"""The bit of the statuses that no policy counts."""
_MOST_GROUPS = 60
_FLAGS_PER_STATEMENT = 200


@lru_cache(maxsize=10_000)
def words(values: tuple[str, ...]) -> Words:
    """Return the values of a list of a policy in the form in which they are compared."""
    return frozenset(map(folded, values))


def uncounted_words(policy: Policy, table: str) -> Words:
    """Return the statuses of payments or of invoices that have no money in them, in the form of `policy.folded`."""
    of_payments, of_invoices = policy.uncounted_payment_statuses, policy.uncounted_invoice_statuses
    return words(of_payments if table == "payments" else of_invoices)


@dataclass(frozen=True)
class StatusBits:
    """The bit of each status that some policy does not count; all others have 0."""

    by_status: Mapping[str, int]

    def of(self, rows: FromClause) -> ColumnElement[int]:
        """Return the bit of a row's status, as a column of that name."""
        written = as_written(as_text(rows.c.status))
        cases = [(written == status, number(bit)) for status, bit in self.by_status.items()]
        return (case(*cases, else_=number(0)) if cases else number(0)).label("bit")


def number(value: int) -> ColumnElement[int]:
    """Return a whole number as a constant of 64 bits."""
    return literal_column(str(value), BigInteger())


def status_bits(
    connection: Connection, table: str, rows: FromClause, lists: Sequence[Words]
) -> tuple[StatusBits, dict[Words, int]]:
    """Return the bits of the statuses that are found in these rows, and the uncounted bits for each list of words.

    Each list has the uncounted statuses of some policies. Raises InvalidSettings for more than 60 groups of statuses.
    """
    found = list(_treated(connection, rows, lists))
    groups = dict.fromkeys(flags for _, flags in found if any(flags) and not all(flags))
    if len(groups) > _MOST_GROUPS:
        raise InvalidSettings(
            f"The policies treat {len(groups)} groups of statuses of {table} in different ways; at most "
            f"{_MOST_GROUPS} can be compared at once. Name fewer statuses with --policy."
        )
    bits = {flags: 1 << at for at, flags in enumerate(groups)}
    uncounted = {one: sum(bit for flags, bit in bits.items() if flags[at]) for at, one in enumerate(lists)}
    return StatusBits({status: bits.get(flags, NEVER_COUNTED) for status, flags in found if any(flags)}), uncounted


def _treated(
    connection: Connection, rows: FromClause, lists: Sequence[Words]
) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """Yield each status that is found, and for each list of words whether it is one of them."""
    status = as_text(rows.c.status)
    written = select(as_written(status).label("written"), status.label("status")).where(status.is_not(None))
    row = written.subquery("written")
    found = select(row.c.written, func.min(row.c.status, type_=row.c.status.type).label("status"))
    one = found.group_by(row.c.written).subquery("found")
    flags: dict[str, tuple[bool, ...]] = {}
    for at in range(0, len(lists), _FLAGS_PER_STATEMENT):
        wanted = lists[at : at + _FLAGS_PER_STATEMENT]
        columns = (
            case((is_one_of(one.c.status, one_of), 1), else_=0).label(f"f{n}") for n, one_of in enumerate(wanted)
        )
        for text, *values in connection.execute(select(one.c.written, *columns).order_by(one.c.written)):
            flags[text] = (*flags.get(text, ()), *map(bool, values))
    yield from flags.items()
