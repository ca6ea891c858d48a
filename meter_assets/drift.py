"""What made meters' balances wrong after go-live: per tenant, the first row that came or was changed since then.

A few statements for all tenants. Where the tables cannot tell (a row was deleted, or changed without `updated_at`),
nothing is named.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Select, and_, func, literal, null, or_, select

from meter_assets.judge import Verdict
from meter_assets.marks import Mark, came_since
from meter_assets.money import exact, show
from meter_assets.schema import UPDATED_AT_COLUMN, BillingSchema, journal_name

_SAID = {"payments": "payment", "invoices": "invoice"}
NAMED_METERS = 10_000
"""So many meters are looked into, the first of each tenant first: engines bound how many values a statement has."""


@dataclass(frozen=True)
class Drifted:
    """Meters that broken laws name, and how far the tables had been seen when their tenants were last found right."""

    meters: Sequence[Any]
    marks: Mapping[str, Mark]


def drifted_meters(schema: BillingSchema, verdicts: Iterable[Verdict]) -> list[Any]:
    """Return the ids of the meters that broken laws name, those that are named first first."""
    kind = schema.tables["meters"].c.id.type.python_type
    samples = [one.samples for one in verdicts if one.subject == "meter_id"]
    named = (row["meter_id"] for nth in zip_longest(*samples) for row in nth if row is not None)
    return [kind(meter) for meter in dict.fromkeys(named)]


def first_changes(connection: Connection, schema: BillingSchema, drifted: Sequence[Drifted]) -> dict[Any, str]:
    """Return, by tenant id, the first change to these meters since the marks, in words; in three statements."""
    meters = [meter for one in drifted for meter in one.meters]
    if not meters:
        return {}
    found: dict[Any, tuple[str, str]] = {}
    for table, said in _SAID.items():
        statement = _first_of_each_tenant(schema, table, drifted)
        for row in connection.execute(statement) if statement is not None else ():
            when = "" if row.changed_at is None else f" at {row.changed_at}"
            words = f"{said} {row.id} of {show(row.amount)} on meter {row.meter_id} came or was changed{when}"
            at = str(row.changed_at or "")
            if row.tenant_id not in found or at < found[row.tenant_id][0]:
                found[row.tenant_id] = (at, words)
    words_of = {tenant: words for tenant, (_, words) in found.items()}
    for tenant, words in _overwritten(connection, schema, meters).items():
        # Both are told: who keeps balances up to date by themselves, writes the meter with every payment.
        words_of[tenant] = f"{words_of[tenant]}; {words}" if tenant in words_of else words
    return words_of


def _first_of_each_tenant(schema: BillingSchema, name: str, drifted: Sequence[Drifted]) -> Select[Any] | None:
    table = schema.tables[name]
    since = [(one.meters, came_since(table, one.marks.get(name, Mark()))) for one in drifted]
    came = [and_(table.c.meter_id.in_(meters), or_(*conditions)) for meters, conditions in since if conditions]
    if not came:
        return None
    changed_at = table.c[UPDATED_AT_COLUMN] if UPDATED_AT_COLUMN in table.c else null()
    place = func.row_number().over(partition_by=table.c.tenant_id, order_by=(changed_at, table.c.id))
    mine = (
        select(
            table.c.tenant_id,
            table.c.id,
            table.c.meter_id,
            exact(table.c.amount).label("amount"),
            changed_at.label("changed_at"),
            place.label("place"),
        )
        .where(or_(*came))
        .subquery("came_since")
    )
    return select(mine).where(mine.c.place == 1)


def _overwritten(connection: Connection, schema: BillingSchema, meters: Sequence[Any]) -> dict[Any, str]:
    """Return the meters that no longer hold what their last recomputation wrote: someone wrote the meter itself."""
    if journal_name("meter_balances") not in schema.own_tables_present:
        return {}
    journal, meter = schema.journal("meter_balances"), schema.tables["meters"]
    newest = func.row_number().over(partition_by=journal.c.meter_id, order_by=journal.c.step_run_id.desc())
    last = select(journal, newest.label("newest")).where(journal.c.meter_id.in_(meters)).subquery("journaled")
    sides = [(exact(meter.c[name]), exact(last.c[f"{name}_after"])) for name in ("balance", "overpayment")]
    same_row = and_(last.c.meter_id == meter.c.id, last.c.tenant_id == meter.c.tenant_id)
    statement = (
        select(
            meter.c.tenant_id,
            meter.c.id,
            last.c.run_id,
            (sides[0][1] - sides[1][1]).label("written"),
            (sides[0][0] - sides[1][0]).label("found"),
        )
        .join(last, same_row)
        .where(last.c.newest == literal(1), or_(*(now.is_distinct_from(then) for now, then in sides)))
        .order_by(meter.c.tenant_id, meter.c.id.desc())
    )
    return {
        row.tenant_id: f"meter {row.id} itself was written: run {row.run_id} left a net of {show(row.written)}, "
        f"{show(row.found)} was found"
        for row in connection.execute(statement)
    }
