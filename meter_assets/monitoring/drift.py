"""Finds, for each tenant with wrong balances, a row that may be the cause, and describes it in a sentence.

The row was inserted or updated since the balances were last correct. A few statements are enough for all tenants. If
the tables do not show the change (a row was deleted, or updated without `updated_at`), no row is named. Add here a
further kind of change; the detection of inserted and updated rows is in `watermarks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    null,
    or_,
    select,
)

from meter_assets.billing.columns import UPDATED_AT_COLUMN
from meter_assets.billing.constructs import member_of, nulls_last
from meter_assets.billing.money import exact, or_zero
from meter_assets.billing.policy import BalanceBasis
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import quoted
from meter_assets.formatting import show_money
from meter_assets.monitoring.watermarks import Watermark, as_text, changed_since
from meter_assets.rules.invariants import INVARIANTS

_NOUNS = {"payments": "payment", "invoices": "invoice"}
_SAME_AMOUNT = "and the meter's net balance is off by exactly this amount"
_FIRST_CHANGE = "the first change since the tenant's balances were last found correct"
_BALANCE_INVARIANT = next(one for one in INVARIANTS if one.name == "every_meter_balance_equals_its_transactions")


@dataclass(frozen=True)
class Drifted:
    """Tenants with wrong balances, and the watermarks of the time when their balances were last found correct."""

    tenants: Sequence[Any]
    marks: Mapping[str, Watermark]


@dataclass(frozen=True)
class _Change:
    """A row that may have made a tenant's balances wrong. The one with the lowest rank is named."""

    rank: tuple[bool, bool, str]
    words: str


def first_changes(connection: Connection, relations: BillingRelations, drifted: Sequence[Drifted]) -> dict[Any, str]:
    """Return, by tenant id, a sentence about a row that was inserted or updated since the watermarks.

    Three statements. A row whose amount equals the error of a meter's balance is preferred. Otherwise the first
    inserted or updated row is named, which need not be the cause.
    """
    if not drifted:
        return {}
    wrong = _wrong_meters(relations)
    found: dict[Any, _Change] = {}
    for name in _NOUNS:
        for tenant, change in _changes(connection, relations, name, wrong, drifted):
            if tenant not in found or change.rank < found[tenant].rank:
                found[tenant] = change
    words_of = {tenant: change.words for tenant, change in found.items()}
    for tenant, words in _overwritten(connection, relations.schema, wrong, drifted):
        # Report both: software that keeps balances up to date itself updates the meter with every payment.
        words_of[tenant] = f"{words_of[tenant]}; {words}" if tenant in words_of else words
    return words_of


def _wrong_meters(relations: BillingRelations) -> FromClause:
    """Return the meters that violate the invariant: tenant_id, meter_id and the error of their net balance."""
    found = _BALANCE_INVARIANT.violations(relations).subquery("violations")
    stored = or_zero(found.c.balance) - or_zero(found.c.overpayment)
    recomputed = found.c.recomputed_balance - found.c.recomputed_overpayment
    return select(found.c.tenant_id, found.c.meter_id, (stored - recomputed).label("difference")).subquery("wrong")


def _changes(
    connection: Connection,
    relations: BillingRelations,
    name: str,
    wrong: FromClause,
    drifted: Sequence[Drifted],
) -> Iterator[tuple[Any, _Change]]:
    """Yield, for each tenant, its id and the row of this table to name."""
    statement = _first_of_each_tenant(relations, name, wrong, _changed_since(relations.schema, name, drifted))
    for row in connection.execute(statement):
        when = "" if row.changed_at is None else f" at {quoted(row.changed_at)}"
        what = f"{_NOUNS[name]} {quoted(row.id)} of {show_money(row.amount)}"
        words = f"{what} on meter {quoted(row.meter_id)} was inserted or updated"
        explanation = _SAME_AMOUNT if row.has_same_amount else _FIRST_CHANGE
        rank = (not row.has_same_amount, row.changed_at is None, as_text(row.changed_at))
        yield row.tenant_id, _Change(rank, f"{words}{when}, {explanation}")


def _changed_since(schema: BillingSchema, name: str, drifted: Sequence[Drifted]) -> ColumnElement[bool]:
    """Return the condition for rows inserted or updated since their tenant was last found correct."""
    table = schema.tables[name]
    since = [(one.tenants, changed_since(table, one.marks.get(name, Watermark()))) for one in drifted]
    changed = [and_(table.c.tenant_id.in_(tenants), or_(*conditions)) for tenants, conditions in since if conditions]
    return or_(false(), *changed)


def _first_of_each_tenant(
    relations: BillingRelations, name: str, wrong: FromClause, changed: ColumnElement[bool]
) -> Select[Any]:
    table = relations.schema.tables[name]
    by_totals = name == "invoices" and relations.policy.balance_basis is BalanceBasis.invoice_totals
    amount = exact(table.c.total_amount if by_totals else table.c.amount)
    changed_at = table.c[UPDATED_AT_COLUMN] if UPDATED_AT_COLUMN in table.c else null()
    has_same_amount = case((func.abs(amount) == func.abs(wrong.c.difference), 1), else_=0)
    order = (has_same_amount.desc(), *nulls_last(changed_at), table.c.id)
    place = func.row_number().over(partition_by=table.c.tenant_id, order_by=order)
    mine = (
        select(
            table.c.tenant_id,
            table.c.id,
            table.c.meter_id,
            amount.label("amount"),
            changed_at.label("changed_at"),
            has_same_amount.label("has_same_amount"),
            place.label("place"),
        )
        .join(wrong, and_(wrong.c.meter_id == table.c.meter_id, wrong.c.tenant_id == table.c.tenant_id))
        .where(changed)
        .subquery("changed_since")
    )
    return select(mine).where(mine.c.place == 1)


def _overwritten(
    connection: Connection, schema: BillingSchema, wrong: FromClause, drifted: Sequence[Drifted]
) -> Iterator[tuple[Any, str]]:
    """Yield, for each tenant, a meter whose balance differs from the value that its last recomputation wrote."""
    if not schema.has_journal("meter_balances"):
        return
    described = set()
    statement = _overwritten_meters(schema, wrong, _changed_since(schema, "meters", drifted))
    for row in connection.execute(statement):
        if row.tenant_id not in described:
            described.add(row.tenant_id)
            when = "" if row.changed_at is None else f", last at {quoted(row.changed_at)}"
            written = f"run {quoted(row.run_id)} wrote a net balance of {show_money(row.written)}"
            found = f"{show_money(row.found)} was found"
            yield row.tenant_id, f"meter {quoted(row.id)} itself was updated{when}: {written}, {found}"


def _overwritten_meters(schema: BillingSchema, wrong: FromClause, changed: ColumnElement[bool]) -> Select[Any]:
    journal, meter = schema.journal("meter_balances"), schema.tables["meters"]
    newest = func.row_number().over(partition_by=journal.c.meter_id, order_by=journal.c.step_run_id.desc())
    is_wrong = member_of(journal.c.meter_id, select(wrong.c.meter_id).scalar_subquery())
    last = select(journal, newest.label("newest")).where(is_wrong).subquery("journaled")
    sides = [(exact(meter.c[name]), exact(last.c[f"{name}_after"])) for name in ("balance", "overpayment")]
    same_row = and_(last.c.meter_id == meter.c.id, last.c.tenant_id == meter.c.tenant_id)
    changed_at = case((changed, meter.c[UPDATED_AT_COLUMN])) if UPDATED_AT_COLUMN in meter.c else null()
    return (
        select(
            meter.c.tenant_id,
            meter.c.id,
            last.c.run_id,
            (sides[0][1] - sides[1][1]).label("written"),
            (sides[0][0] - sides[1][0]).label("found"),
            changed_at.label("changed_at"),
        )
        .join(last, same_row)
        .where(last.c.newest == literal(1), or_(*(now.is_distinct_from(then) for now, then in sides)))
        .order_by(meter.c.tenant_id, meter.c.id)
    )
