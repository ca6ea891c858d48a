"""What made meters' balances wrong after go-live, in words: per tenant, a row that came or was changed since then.

A few statements for all tenants. Where the tables cannot tell (a row was deleted, or changed without `updated_at`),
nothing is named.
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

from meter_assets.billing.constructs import member_of, nulls_last
from meter_assets.billing.money import exact, or_zero
from meter_assets.billing.policy import BalanceBasis
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import UPDATED_AT_COLUMN, BillingSchema
from meter_assets.foreign_text import quoted
from meter_assets.formatting import show_money
from meter_assets.monitoring.watermarks import Watermark, as_text, came_since
from meter_assets.rules.invariants import INVARIANTS

_SAID = {"payments": "payment", "invoices": "invoice"}
_IS_WRONG_BY_IT = "and the meter's net is wrong by just that amount"
_IS_THE_FIRST = "the first change since the tenant was last found right"
_BALANCE_INVARIANT = next(one for one in INVARIANTS if one.name == "every_meter_balance_equals_its_transactions")


@dataclass(frozen=True)
class Drifted:
    """Tenants with wrong balances, and how far the tables had been seen when these were last found right."""

    tenants: Sequence[Any]
    marks: Mapping[str, Watermark]


@dataclass(frozen=True)
class _Change:
    """A row that may have broken a tenant's balances; the one of the lowest rank is named."""

    rank: tuple[bool, bool, str]
    words: str


def first_changes(connection: Connection, relations: BillingRelations, drifted: Sequence[Drifted]) -> dict[Any, str]:
    """Return, by tenant id and in words, what came or was changed since the marks and may have broken a balance.

    Three statements. Named is a row of just the amount by which a meter is wrong; without one, the first that came or
    was changed, which need not be what broke it.
    """
    if not drifted:
        return {}
    wrong = _wrong_meters(relations)
    found: dict[Any, _Change] = {}
    for name in _SAID:
        for tenant, change in _changes(connection, relations, name, wrong, drifted):
            if tenant not in found or change.rank < found[tenant].rank:
                found[tenant] = change
    words_of = {tenant: change.words for tenant, change in found.items()}
    for tenant, words in _overwritten(connection, relations.schema, wrong, drifted):
        # Both are told: who keeps balances up to date by themselves, writes the meter with every payment.
        words_of[tenant] = f"{words_of[tenant]}; {words}" if tenant in words_of else words
    return words_of


def _wrong_meters(relations: BillingRelations) -> FromClause:
    """Return the meters that break the law: tenant_id, meter_id and by how much their net is wrong."""
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
    """Yield of each tenant the row of this table that is to be named, with the tenant's id."""
    statement = _first_of_each_tenant(relations, name, wrong, _came_since(relations.schema, name, drifted))
    for row in connection.execute(statement):
        when = "" if row.changed_at is None else f" at {quoted(row.changed_at)}"
        what = f"{_SAID[name]} {quoted(row.id)} of {show_money(row.amount)}"
        words = f"{what} on meter {quoted(row.meter_id)} came or was changed"
        told = _IS_WRONG_BY_IT if row.is_it else _IS_THE_FIRST
        rank = (not row.is_it, row.changed_at is None, as_text(row.changed_at))
        yield row.tenant_id, _Change(rank, f"{words}{when}, {told}")


def _came_since(schema: BillingSchema, name: str, drifted: Sequence[Drifted]) -> ColumnElement[bool]:
    """Say whether a row came or was changed since its tenant was last found right, if the table tells."""
    table = schema.tables[name]
    since = [(one.tenants, came_since(table, one.marks.get(name, Watermark()))) for one in drifted]
    came = [and_(table.c.tenant_id.in_(tenants), or_(*conditions)) for tenants, conditions in since if conditions]
    return or_(false(), *came)


def _first_of_each_tenant(
    relations: BillingRelations, name: str, wrong: FromClause, came: ColumnElement[bool]
) -> Select[Any]:
    table = relations.schema.tables[name]
    by_totals = name == "invoices" and relations.policy.balance_basis is BalanceBasis.invoice_totals
    amount = exact(table.c.total_amount if by_totals else table.c.amount)
    changed_at = table.c[UPDATED_AT_COLUMN] if UPDATED_AT_COLUMN in table.c else null()
    is_it = case((func.abs(amount) == func.abs(wrong.c.difference), 1), else_=0)
    order = (is_it.desc(), *nulls_last(changed_at), table.c.id)
    place = func.row_number().over(partition_by=table.c.tenant_id, order_by=order)
    mine = (
        select(
            table.c.tenant_id,
            table.c.id,
            table.c.meter_id,
            amount.label("amount"),
            changed_at.label("changed_at"),
            is_it.label("is_it"),
            place.label("place"),
        )
        .join(wrong, and_(wrong.c.meter_id == table.c.meter_id, wrong.c.tenant_id == table.c.tenant_id))
        .where(came)
        .subquery("came_since")
    )
    return select(mine).where(mine.c.place == 1)


def _overwritten(
    connection: Connection, schema: BillingSchema, wrong: FromClause, drifted: Sequence[Drifted]
) -> Iterator[tuple[Any, str]]:
    """Yield a meter of each tenant that no longer holds what its last recomputation wrote: someone wrote the meter."""
    if not schema.has_journal("meter_balances"):
        return
    told = set()
    statement = _no_longer_as_written(schema, wrong, _came_since(schema, "meters", drifted))
    for row in connection.execute(statement):
        if row.tenant_id not in told:
            told.add(row.tenant_id)
            when = "" if row.changed_at is None else f", last at {quoted(row.changed_at)}"
            left = (
                f"run {quoted(row.run_id)} left a net of {show_money(row.written)}, {show_money(row.found)} was found"
            )
            yield row.tenant_id, f"meter {quoted(row.id)} itself was written{when}: {left}"


def _no_longer_as_written(schema: BillingSchema, wrong: FromClause, came: ColumnElement[bool]) -> Select[Any]:
    journal, meter = schema.journal("meter_balances"), schema.tables["meters"]
    newest = func.row_number().over(partition_by=journal.c.meter_id, order_by=journal.c.step_run_id.desc())
    is_wrong = member_of(journal.c.meter_id, select(wrong.c.meter_id).scalar_subquery())
    last = select(journal, newest.label("newest")).where(is_wrong).subquery("journaled")
    sides = [(exact(meter.c[name]), exact(last.c[f"{name}_after"])) for name in ("balance", "overpayment")]
    same_row = and_(last.c.meter_id == meter.c.id, last.c.tenant_id == meter.c.tenant_id)
    changed_at = case((came, meter.c[UPDATED_AT_COLUMN])) if UPDATED_AT_COLUMN in meter.c else null()
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
