"""The state of a tenant, by what is recorded and what Dagster knows: one table of cases."""

from datetime import UTC, datetime, timedelta

import pytest

from meter_assets.billing.own_tables import BLOCKED, FAILED, INTERRUPTED, RUNNING, SUCCEEDED
from meter_assets.migration.tenants import Tenant
from meter_assets.reports import overview_tables as render
from meter_assets.reports.overview import Counts, Evaluation, Observed, Recorded, StepEnd, overview
from meter_assets.rules.steps import MIGRATION

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
CHECK = "every_counted_payment_has_a_meter"
WARN = "no_payment_meter_needs_review"
BEFORE = Counts("preview", NOON - timedelta(hours=1), to_change=5, unresolved=1, for_review=2)
BAD_AFTER = Counts("preview", LATER, to_change=4, unresolved=1, would_fail=True)
ALL_DONE = dict.fromkeys(MIGRATION, NOON)


def ends(*outcomes: tuple[str, str], rolls_back: bool = False, message: str = "") -> tuple[StepEnd, ...]:
    """Return the step runs of a tenant's newest run, each a step with its outcome."""
    return tuple(
        StepEnd(number, "run", step, rolls_back, NOON, outcome, message)
        for number, (step, outcome) in enumerate(outcomes, start=1)
    )


def failing(check: str, at: datetime) -> tuple[Evaluation, ...]:
    """Return a failed evaluation of a check, with two violations."""
    return (Evaluation(check, at, 2),)


DONE = ends(*((step, SUCCEEDED) for step in MIGRATION))
REFUSED = f"Not run, nothing was changed: blocked by {CHECK}: 1,200 violations. Fix these rows."
CASES = {
    "nothing": ((), {}, None, (), "not begun", ""),
    "a preview": ((), {}, BEFORE, (), "would succeed", ""),
    "a bad preview": ((), {}, BAD_AFTER, (), "would fail", ""),
    "one step": (ends((MIGRATION[0], SUCCEEDED)), {MIGRATION[0]: NOON}, BEFORE, (), "partly migrated", ""),
    "all steps": (DONE, ALL_DONE, BEFORE, (), "migrated", ""),
    "an earlier failing check": (DONE, ALL_DONE, None, failing(CHECK, BEFORE.at), "migrated", ""),
    "a later failing check": (DONE, ALL_DONE, None, failing(CHECK, LATER), "drifted", f"{CHECK} (2)"),
    "a later warning": (DONE, ALL_DONE, None, failing(WARN, LATER), "migrated", ""),
    "blocked": (ends((MIGRATION[3], BLOCKED), message=REFUSED), {}, None, (), "blocked", f"{CHECK} (1,200)"),
    "blocked by one row": (
        ends((MIGRATION[3], BLOCKED), message=f"Refused: {CHECK}: 1 violation, such as x."),
        {},
        None,
        (),
        "blocked",
        f"{CHECK} (1)",
    ),
    "blocked, previewed since": (
        ends((MIGRATION[3], BLOCKED), message=REFUSED),
        {},
        BAD_AFTER,
        (),
        "blocked",
        f"{CHECK} (1,200); previewed since: would fail",
    ),
    "failed": (ends((MIGRATION[1], FAILED), message="Why."), {}, None, (), "failed", f"{MIGRATION[1]}: Why."),
    "failed, tried again": (
        ends((MIGRATION[3], FAILED), (MIGRATION[3], SUCCEEDED)),
        ALL_DONE,
        None,
        (),
        "migrated",
        "",
    ),
    "interrupted": (ends((MIGRATION[1], INTERRUPTED)), {}, None, (), "interrupted", MIGRATION[1]),
    "running": (ends((MIGRATION[1], RUNNING)), {}, None, (), "running", MIGRATION[1]),
    "a run again that fails": (ends((MIGRATION[1], FAILED), message="Why."), ALL_DONE, None, (), "failed", None),
    "rolled back": (ends((MIGRATION[0], SUCCEEDED), rolls_back=True), {}, BEFORE, (), "rolled back", ""),
    "later runs rolled back": (ends((MIGRATION[0], SUCCEEDED), rolls_back=True), ALL_DONE, None, (), "migrated", ""),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_state_follows_from_records_and_results(case: tuple[object, ...]) -> None:
    newest, in_force, preview, evaluations, state, why = case
    tenant = Tenant(1, "1", "One")
    recorded = {1: Recorded(newest, in_force)}  # type: ignore[arg-type]
    observed = Observed({"1": preview} if preview else {}, {}, {"1": evaluations})  # type: ignore[dict-item]
    (row,) = overview([tenant], recorded, observed)
    assert row.state == state
    assert why is None or row.why == why
    assert row.migrated == (MIGRATION[3] in in_force)  # type: ignore[operator]


def test_a_run_that_dagster_knows_as_ended_is_interrupted() -> None:
    recorded = {1: Recorded(ends((MIGRATION[1], RUNNING)))}
    (row,) = overview([Tenant(1, "1", "One")], recorded, Observed(ended_runs=frozenset({"run"})))
    assert row.state == "interrupted"


def test_rows_left_come_from_the_newer_of_preview_and_run() -> None:
    tenant, recorded = [Tenant(1, "1", "One")], {1: Recorded(DONE, ALL_DONE)}
    steps = {"1": {name: Counts("run", NOON, unresolved=2, for_review=1) for name in MIGRATION}}
    (after_the_run,) = overview(tenant, recorded, Observed({"1": BEFORE}, steps))
    (previewed,) = overview(tenant, recorded, Observed({"1": BAD_AFTER}, steps))
    (unknown,) = overview(tenant, recorded, Observed())
    assert [(one.rows_left, one.for_review) for one in (after_the_run, previewed, unknown)] == [
        (8, 4),
        (5, None),
        (None, None),
    ]


def test_the_table_has_fewer_columns_where_it_is_narrow() -> None:
    rows = overview([Tenant(1, "1", "One"), Tenant(2, "2", "Two")], {1: Recorded(DONE, ALL_DONE)}, Observed())
    assert render.counted(rows) == "2 tenants: 1 not begun, 1 migrated"
    assert [one.tenant for one in render.attention_first(rows)] == ["2", "1"]
    assert [len(render.grid(rows, width).headings) for width in (60, 80, 120)] == [2, 4, 8]
