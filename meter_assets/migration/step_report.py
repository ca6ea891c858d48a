"""`StepReport`: the numbers of rows and the money that a step changed or would change.

The preview, the live step, the log and the terminal use the same reports. They are pydantic models, and are stored as
JSON in a materialization's metadata, with money as text. Add a figure about a step here; `reports.tables` formats them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, PlainSerializer, WithJsonSchema, computed_field
from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, case, func, select

from meter_assets.billing.change import ALREADY_CORRECT, UNRESOLVED, WOULD_CHANGE, Change
from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.conditions import as_text
from meter_assets.billing.money import exact, or_zero, total
from meter_assets.billing.own_tables import Effect
from meter_assets.billing.relations import BillingRelations
from meter_assets.foreign_text import Shown, plain_text, shown
from meter_assets.formatting import plain_money

SHOWN_ROWS = 10
LISTED_ROWS = 1_000
"""The most rows skipped by a rollback that are listed."""
_AS_STORED = " as stored"


_AS_TEXT = {
    "type": "string",
    "pattern": r"^(-?[0-9]+\.[0-9]{2,}|NaN|-?Infinity)$",
    "description": "An exact amount in currency units, as text: 1234.50, and 0.00 for every zero",
}
Money = Annotated[
    Decimal,
    Field(allow_inf_nan=True),
    PlainSerializer(plain_money, return_type=str, when_used="json"),
    WithJsonSchema(_AS_TEXT, mode="serialization"),
]
"""Currency units in a report, in JSON as in CSV; the sum is NaN if the database has NaN in one of the rows."""


class RowsAndMoney(BaseModel):
    """A number of rows, and the money in them (currency units)."""

    rows: int = 0
    money: Money = Decimal("0.00")


class BeforeAfter(BaseModel):
    """A sum of money before and after a change (currency units), over all rows of the step's table."""

    before: Money
    after: Money


def _with_escaped_names(tallies: Mapping[str, RowsAndMoney]) -> dict[str, RowsAndMoney]:
    """Return tallies with their names (rules or reasons) escaped; tallies whose names become equal are added up."""
    return _added_up([{shown(key): tally} for key, tally in tallies.items()])


Tallies = Annotated[dict[str, RowsAndMoney], AfterValidator(_with_escaped_names)]


class StepReport(BaseModel):
    """The changes of one step for one tenant, written or previewed."""

    step: str
    examined: int
    rules: Tallies
    already_correct: RowsAndMoney
    unresolved: Tallies
    for_review: int
    sums: dict[str, BeforeAfter]
    largest: list[dict[str, Shown]]
    review: list[dict[str, Shown]]
    skipped: list[dict[str, Shown]] = []
    notes: list[str] = []
    """What a person should know beside the counts, each a sentence: what triggers changed elsewhere."""

    def with_notes(self, notes: Sequence[str]) -> "StepReport":
        """Return the report with these notes."""
        return self.model_copy(update={"notes": [*notes]}) if notes else self

    @computed_field  # type: ignore[prop-decorator]
    @property
    def changed(self) -> int:
        """The number of rows that were or would be changed."""
        return sum(tally.rows for tally in self.rules.values())

    @computed_field  # type: ignore[prop-decorator]
    @property
    def left_unresolved(self) -> int:
        """The number of rows to which no rule applied."""
        return sum(tally.rows for tally in self.unresolved.values())


@dataclass(frozen=True)
class ChangeSummary:
    """The state before a change: the rows by outcome, and the sums of the columns that the change writes."""

    tallies: Mapping[tuple[str, str | None], RowsAndMoney]
    sums: Mapping[str, Decimal]

    @property
    def would_change(self) -> int:
        """The number of rows that would change."""
        return sum(tally.rows for tally in self.of(WOULD_CHANGE).values())

    def without(self, missed: Mapping[str, RowsAndMoney]) -> "ChangeSummary":
        """Return the summary without these rows, by rule, which would have changed but were not written."""
        tallies = dict(self.tallies)
        for rule, tally in missed.items():
            left = tallies[WOULD_CHANGE, rule]
            rest = RowsAndMoney(rows=left.rows - tally.rows, money=left.money - tally.money)
            tallies[WOULD_CHANGE, rule] = rest
        return ChangeSummary({key: tally for key, tally in tallies.items() if tally.rows}, self.sums)

    def of(self, outcome: str) -> dict[str, RowsAndMoney]:
        """Return the tallies of one outcome by rule or reason."""
        return {label or "": tally for (found, label), tally in self.tallies.items() if found == outcome}


def summarize_change(connection: Connection, change: Change, relations: BillingRelations) -> ChangeSummary:
    """Count every row that the change examines, and add up the columns that it writes, in one statement if it can be.

    A step that updates rows examines every row of its table, so that they have the sums.
    """
    if change.effect is not Effect.UPDATE or change.undoes:
        target = relations.rows[change.target]
        columns = {name: exact(target.c[name]) for name in change.money_columns}
        added_up = connection.execute(select(*(total(one) for one in columns.values()))).one() if columns else ()
        return ChangeSummary(_tallies(connection, change, ())[0], dict(zip(columns, added_up, strict=True)))
    return ChangeSummary(*_tallies(connection, change, change.money_columns))


def _tallies(
    connection: Connection, change: Change, columns: Sequence[str]
) -> tuple[dict[tuple[str, str | None], RowsAndMoney], dict[str, Decimal]]:
    """Return the examined rows by outcome and label, and the sums of these columns over all of them."""
    row = change.examined.subquery("examined")
    counts = [func.count().label("rows"), total(row.c.money).label("money")]
    sums = [total(exact(row.c[f"{name}_before"])) for name in columns]
    counted = select(row.c.outcome, row.c.label, *counts, *sums).group_by(row.c.outcome, row.c.label)
    found = connection.execute(counted.order_by(row.c.label)).all()
    tallies = {(one.outcome, one.label): RowsAndMoney(rows=one.rows, money=one.money) for one in found}
    return tallies, {name: sum((one[4 + at] for one in found), Decimal(0)) for at, name in enumerate(columns)}


def step_report(
    connection: Connection, change: Change, relations: BillingRelations, changed: FromClause, summary: ChangeSummary
) -> StepReport:
    """Return the report on a change whose rows are `changed`: the computed or the journaled rows.

    `relations` may be from before or after the change: only columns that the change does not write are read.
    """
    rules = summary.of(WOULD_CHANGE)
    review = changed.c.rule.in_(sorted(change.for_review))
    for_review = sum(tally.rows for rule, tally in rules.items() if rule in change.for_review)
    return StepReport(
        step=change.name,
        examined=sum(tally.rows for tally in summary.tallies.values()),
        rules=rules,
        already_correct=summary.of(ALREADY_CORRECT).get("", RowsAndMoney()),
        unresolved=summary.of(UNRESOLVED),
        for_review=for_review,
        sums=_sums(connection, change, relations, changed, summary),
        largest=_shown(connection, change, relations, changed, None),
        review=_shown(connection, change, relations, changed, review) if for_review else [],
        skipped=_skipped(connection, change),
    )


def all_together(rounds: Sequence[StepReport]) -> StepReport:
    """Return one report of all rounds of a step; each round examined only the rows that the previous one missed."""
    first, last = rounds[0], rounds[-1]
    if len(rounds) == 1:
        return first
    rules, unresolved = _added_up([one.rules for one in rounds]), _added_up([one.unresolved for one in rounds])
    already_correct = _sum_of([one.already_correct for one in rounds])
    moved = {
        name: sum((one.sums[name].after - one.sums[name].before for one in rounds), Decimal(0)) for name in last.sums
    }
    sums = {name: BeforeAfter(before=one.before, after=one.before + moved[name]) for name, one in first.sums.items()}
    return last.model_copy(
        update={
            "examined": sum(one.rows for one in (*rules.values(), already_correct, *unresolved.values())),
            "rules": rules,
            "sums": sums,
            "for_review": sum(one.for_review for one in rounds),
            "already_correct": already_correct,
            "unresolved": unresolved,
            "largest": [row for one in rounds for row in one.largest][:SHOWN_ROWS],
            "review": [row for one in rounds for row in one.review][:SHOWN_ROWS],
            "notes": list(dict.fromkeys(note for one in rounds for note in one.notes)),
        }
    )


def _sum_of(tallies: Sequence[RowsAndMoney]) -> RowsAndMoney:
    return RowsAndMoney(
        rows=sum(one.rows for one in tallies), money=sum((one.money for one in tallies), Decimal("0.00"))
    )


def _added_up(all_tallies: Sequence[Mapping[str, RowsAndMoney]]) -> dict[str, RowsAndMoney]:
    added: dict[str, RowsAndMoney] = {}
    for name, tally in (item for tallies in all_tallies for item in tallies.items()):
        added[name] = _sum_of([added.get(name, RowsAndMoney()), tally])
    return added


def shown_columns(change: Change, changed: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of changed rows in the form for people and CSV files: money in exact form."""
    money = {f"{name}_{side}" for name in change.money_columns for side in ("before", "after")}
    return [exact(column).label(column.key) if column.key in money else column for column in changed.c]


def _shown(
    connection: Connection,
    change: Change,
    relations: BillingRelations,
    changed: FromClause,
    only: ColumnElement[bool] | None,
) -> list[dict[str, str]]:
    """Return the (matching) changed rows that move the most money, with a few columns of context.

    The columns that identify a row are first.
    """
    row = relations.rows[change.table]
    is_money, names = MONEY_COLUMNS.get(change.table, ()), change.step.context
    context = [exact(row.c[name]).label(name) if name in is_money else row.c[name] for name in names]
    others = ("tenant_id", "id", *change.kept)
    own = [column for column in shown_columns(change, changed) if column.key not in others]
    statement = select(changed.c.id, *context, *own).join(
        row, and_(row.c.id == changed.c.id, row.c.tenant_id == changed.c.tenant_id)
    )
    if only is not None:
        statement = statement.where(only)
    statement = statement.order_by(change.weight(changed, row).desc(), changed.c.id).limit(SHOWN_ROWS)
    found = connection.execute(statement).mappings()
    return [{key: "" if value is None else plain_text(value) for key, value in one.items()} for one in found]


def _skipped(connection: Connection, change: Change) -> list[dict[str, str]]:
    if change.skipped is None:
        return []
    found = connection.execute(skipped_rows(change.skipped, change.money_columns).limit(LISTED_ROWS)).mappings()
    return [as_listed(one) for one in found]


def skipped_rows(skipped: Select[Any], money_columns: Sequence[str]) -> Select[Any]:
    """Return the rows that were changed since the undone step, with expected and found values; read with `as_listed`.

    Money is in exact form, and also in stored form if two different values have the same exact form (on SQLite, 1.004
    and 1.00).
    """
    row = skipped.order_by(None).subquery("skipped")
    columns: dict[str, ColumnElement[Any]] = {column.key: column for column in row.c}
    for name in money_columns:
        expected, found = row.c[f"expected_{name}"], row.c[f"found_{name}"]
        differ = and_(expected.is_distinct_from(found), as_text(expected).is_distinct_from(as_text(found)))
        look_equal = and_(differ, exact(expected).is_not_distinct_from(exact(found)))
        for column in (expected, found):
            columns[column.key] = exact(column)
            columns[column.key + _AS_STORED] = case((look_equal, as_text(column)))
    return select(*(column.label(key) for key, column in columns.items())).order_by(row.c.id)


def as_listed(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return one of the `skipped_rows` as text: the expected and found values, in the form in which they differ."""
    listed = {key: value for key, value in row.items() if not key.endswith(_AS_STORED)}
    listed |= {key: row[key + _AS_STORED] for key in listed if row.get(key + _AS_STORED) is not None}
    return {key: "" if value is None else plain_text(value) for key, value in listed.items()}


def _sums(
    connection: Connection, change: Change, relations: BillingRelations, changed: FromClause, summary: ChangeSummary
) -> dict[str, BeforeAfter]:
    if not change.money_columns:
        overwrites = not change.undoes and not change.step.overwriting.isdisjoint(summary.of(WOULD_CHANGE))
        return _sums_of_worth(
            change, summary, _money_of_overwritten(connection, change, relations, changed) if overwrites else Decimal(0)
        )
    moves = [
        total(or_zero(exact(changed.c[f"{name}_after"])) - or_zero(exact(changed.c[f"{name}_before"])))
        for name in change.money_columns
    ]
    moved_by = dict(zip(change.money_columns, connection.execute(select(*moves)).one(), strict=True))
    return {name: BeforeAfter(before=sums, after=sums + moved_by[name]) for name, sums in summary.sums.items()}


def _money_of_overwritten(
    connection: Connection, change: Change, relations: BillingRelations, changed: FromClause
) -> Decimal:
    """Return the money of the changed rows that had a value before."""
    row = relations.rows[change.table]
    had_value = and_(*(changed.c[f"{name}_before"].is_not(None) for name in change.columns))
    same_row = and_(changed.c.id == row.c.id, changed.c.tenant_id == row.c.tenant_id)
    found = select(total(change.step.worth_of(row))).select_from(changed.join(row, same_row)).where(had_value)
    return Decimal(connection.scalar(found) or 0)


def _sums_of_worth(change: Change, summary: ChangeSummary, overwritten: Decimal) -> dict[str, BeforeAfter]:
    """Return the sum of a step that writes no money: the money of the rows with a value, before and after.

    `overwritten` is the money of the changed rows that had another value before. For an undone step, it is the money of
    the rows that keep what the step wrote.
    """
    moved = sum((tally.money for tally in summary.of(WOULD_CHANGE).values()), Decimal(0))
    if change.undoes:
        left = sum((tally.money for tally in summary.of(UNRESOLVED).values()), Decimal(0))
        return {f"{change.step.sum_title} from that run": BeforeAfter(before=left + moved, after=left)}
    before = summary.of(ALREADY_CORRECT).get("", RowsAndMoney()).money + overwritten
    return {change.step.sum_title: BeforeAfter(before=before, after=before + moved - overwritten)}
