"""The sensor `check_alerts`: sends messages about checks that started to fail and about checks that recovered.

A failed run of `watch_migrated_tenants` is reported like a failing check. The sensor sends one message per run and does
not report the same failure twice. A message that a receiver did not accept stays in the outbox, which is part of the
sensor's cursor, and is sent again at the next tick. Add here what decides which results are news; the text of a message
and its delivery belong in `monitoring.alerts`.
"""

import time
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg
from pydantic import BaseModel, ValidationError

from meter_assets.defs.launchpad import named_database
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.results import DATABASE, TENANT, plain_text
from meter_assets.defs.watching import watch_migrated_tenants
from meter_assets.errors import InvalidSettings
from meter_assets.migration.tenants import LEGAL_KEY
from meter_assets.monitoring.alerts.delivery import Channel, NotDelivered, NotThisMessage, deliver
from meter_assets.monitoring.alerts.messages import LISTED, Message, News
from meter_assets.monitoring.alerts.receivers import (
    MAIL_TO_VARIABLE,
    URLS_VARIABLE,
    VARIABLES,
    WEBHOOK_VARIABLE,
    channels,
    ui_address,
)
from meter_assets.rules.invariants import INVARIANTS, Group, Severity
from meter_assets.rules.steps import guarded_step
from meter_assets.runtime.event_log import Outcome, Reader
from meter_assets.settings import billing_database, variables

CHECKS = tuple(one.name for one in INVARIANTS if one.severity is Severity.ERROR)
SECONDS_BETWEEN_TICKS = 30
SECONDS_TO_DELIVER = 30
"""A delivery that has not started after this time waits for the next tick: Dagster ends a tick after one minute."""
SETTLING = timedelta(seconds=30)
"""How long a transaction that stores the results of a run may take: newer results are read at the next tick."""
BEFORE_THE_FIRST_TICK = "before alerts were turned on"


class Pending(BaseModel):
    """A message that some receivers have not accepted yet, with the names of the channels to them."""

    message: Message
    to: list[str]


class Delivered(NamedTuple):
    """The ids of the messages that a receiver accepted, and the reasons why it did not accept others."""

    taken: set[str]
    problems: list[str]


class Failing(NamedTuple):
    """A failing check of a tenant, and the latest run in which it failed."""

    check: str
    tenant: str
    run_id: str = ""


class State(BaseModel):
    """The sensor's cursor: how far the event log was read, what is failing, and which messages are undelivered."""

    read_to: int = 0
    read_run: str = ""
    """The run of the last event that was read. If its place belongs to another run now, events were deleted."""
    failing: list[Failing] = []
    watching_fails: bool = False
    outbox: list[Pending] = []


def _default_status() -> dg.DefaultSensorStatus:
    try:
        wanted = bool(channels(variables(VARIABLES)))
    except InvalidSettings:
        wanted = True  # so that its ticks report which value is invalid
    return dg.DefaultSensorStatus.RUNNING if wanted else dg.DefaultSensorStatus.STOPPED


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=_default_status(),
    description="Sends one message per run about the ERROR checks that started to fail or recovered, to the receivers "
    f"that the environment names ({URLS_VARIABLE}, {WEBHOOK_VARIABLE}, {MAIL_TO_VARIABLE}). A message that a receiver "
    "does not accept is sent again at each tick.",
)
def check_alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Read the check results since the last tick and deliver what is new."""
    try:
        given = variables(VARIABLES)
        ways, ui = channels(given), ui_address(given)
    except InvalidSettings as error:
        return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
    if not ways:
        said = f"No receiver is named: set {URLS_VARIABLE}, {WEBHOOK_VARIABLE}, or the variables for e-mail."
        return dg.SensorResult(skip_reason=said, cursor=context.cursor)
    known = _known(context)
    state, messages = _read(context.instance, known, ui)
    messages += _watching_messages(context.instance, state, ui)
    state.outbox += [Pending(message=one, to=[way.name for way in ways]) for one in messages]
    problems = _deliver(state, ways)
    for problem in problems:
        context.log.warning(problem)
    said = f"{len(messages)} new messages, {len(state.outbox)} undelivered." + "".join(f" {one}." for one in problems)
    return dg.SensorResult(skip_reason=said, cursor=state.model_dump_json())


def _known(context: dg.SensorEvaluationContext) -> State | None:
    """Return the sensor's cursor, or None before the first tick and for a cursor that cannot be read."""
    try:
        return State.model_validate_json(context.cursor) if context.cursor else None
    except ValidationError:
        context.log.warning(
            "The sensor's cursor cannot be read, for example after an upgrade. The sensor starts as if it had "
            "just been turned on."
        )
        return None


def _read(instance: dg.DagsterInstance, known: State | None, ui: str) -> tuple[State, list[Message]]:
    """Return the new state, and one message per run that has news."""
    reader, state = Reader(instance, tuple(map(guarded_step, Group)), CHECKS), known or State()
    continues = known is not None and reader.run_at(state.read_to) == state.read_run
    read_from = state.read_to if continues else 0
    read_to = reader.last_settled(read_from, datetime.now(UTC) - SETTLING)
    if continues and read_to == read_from:
        return state, []
    found = reader.outcomes(read_from, read_to) if continues else reader.latest_outcomes(read_to)
    runs = {one.run_id for one in state.failing}
    present = reader.failing_of(runs) if continues else {(one.check, one.partition) for one in found}
    failing = _still_failing(instance, state, present)
    messages = _messages(reader, list(_news(found, failing)), None if known else BEFORE_THE_FIRST_TICK, ui)
    read = {"read_to": read_to, "read_run": reader.run_at(read_to), "failing": sorted(failing.values())}
    return state.model_copy(update=read), messages


def _still_failing(
    instance: dg.DagsterInstance, state: State, present: Container[tuple[str, str]]
) -> dict[tuple[str, str], Failing]:
    """Return the failing checks, except those of removed tenants and those that have no results any more.

    After a rollback, the earlier results are no longer stored under the tenant's name. No message is sent about the
    checks that are left out: they did not recover, and they can no longer fail. If the tenant is migrated again and a
    check fails, that is news.
    """
    tenants = set(instance.get_dynamic_partitions(str(TENANTS.name)))
    known = {(one.check, one.tenant): one for one in state.failing}
    return {key: one for key, one in known.items() if key in present and one.tenant in tenants}


def _messages(reader: Reader, news: Sequence[Outcome], run_id: str | None, ui: str) -> list[Message]:
    """Return one message per run, or, if a run id is given, a single message under that id."""
    by_run: dict[str, list[Outcome]] = {}
    for one in news:
        by_run.setdefault(run_id or one.run_id, []).append(one)
    return [_message(reader, *of_one, ui) for of_one in by_run.items()]


def _message(reader: Reader, run_id: str, found: Sequence[Outcome], ui: str) -> Message:
    failing, recovered = [one for one in found if not one.passed], [one for one in found if one.passed]
    results = reader.evaluations([*failing[:LISTED], *recovered[:LISTED]])

    def listed(outcomes: Sequence[Outcome]) -> list[News]:
        return [_one_news(one, results.get(one), ui) for one in outcomes[:LISTED]]

    databases = dict.fromkeys(filter(None, (_entry(one, DATABASE) for one in results.values())))
    return Message(
        run_id=run_id,
        database=", ".join(databases),
        link=_link_to_run(ui, run_id),
        newly_failing=listed(failing),
        recovered=listed(recovered),
        newly_failing_count=len(failing),
        recovered_count=len(recovered),
    )


def _one_news(outcome: Outcome, result: dg.AssetCheckEvaluation | None, ui: str) -> News:
    said, name, link = "", "", ""
    if result is not None:  # not deleted meanwhile
        said, name = plain_text(result), _entry(result, TENANT)
        link = f"{ui}/assets/{result.asset_key.to_user_string()}?view=checks&checkDetail={result.check_name}"
    return News(
        tenant=outcome.partition,
        tenant_name=name,
        check=outcome.check,
        severity="ERROR",
        says=said,
        link=link if ui else "",
    )


def _entry(result: dg.AssetCheckEvaluation, name: str) -> str:
    """Return a text of a result's metadata; "" in a result of an earlier version, which has none."""
    return str(result.metadata[name].value) if name in result.metadata else ""


def _link_to_run(ui: str, run_id: str) -> str:
    if not ui:
        return ""
    return ui if run_id == BEFORE_THE_FIRST_TICK else f"{ui}/runs/{run_id}"


def _watching_messages(instance: dg.DagsterInstance, state: State, ui: str) -> Iterator[Message]:
    """Yield a message if the newest run of watch_migrated_tenants failed or recovered since the last tick."""
    ended = dg.RunsFilter(
        job_name=watch_migrated_tenants.name, statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    )
    for run in instance.get_runs(ended, limit=1):
        fails = run.status is dg.DagsterRunStatus.FAILURE
        if fails != state.watching_fails:
            state.watching_fails = fails
            says = (
                "The run failed and evaluated nothing: until a run succeeds, no tenant is watched."
                if fails
                else "The run succeeds again."
            )
            news = [News(tenant="any", check=watch_migrated_tenants.name, severity="ERROR", says=says)]
            yield Message(
                run_id=run.run_id,
                database=_database_of(run),
                link=_link_to_run(ui, run.run_id),
                newly_failing=news if fails else [],
                recovered=[] if fails else news,
            )


def _database_of(run: dg.DagsterRun) -> str:
    """Return the masked URL of the billing database of a run; "" if it is invalid."""
    try:
        return billing_database(named_database(run.run_config)).url
    except InvalidSettings:  # which may be why the run failed
        return ""


def _news(found: Sequence[Outcome], failing: dict[tuple[str, str], Failing]) -> Iterator[Outcome]:
    """Yield the outcomes that differ from the last known ones, and update what is failing."""
    for one in found:
        # A partition name that is not a tenant's id has the results from before a rollback.
        if not LEGAL_KEY.fullmatch(one.partition):
            continue
        key = (one.check, one.partition)
        if one.passed == (key in failing):
            yield one
        if one.passed:
            failing.pop(key, None)
        else:
            failing[key] = Failing(*key, one.run_id)


def _deliver(state: State, ways: Sequence[Channel]) -> list[str]:
    """Deliver the outbox to all receivers at the same time, and return the problems."""
    deadline = time.monotonic() + SECONDS_TO_DELIVER

    def deliver_by(way: Channel) -> Delivered:
        return _deliver_by(way, [one.message for one in state.outbox if way.name in one.to], deadline)

    with ThreadPoolExecutor(len(ways)) as threads:
        delivered = {way.name: by for way, by in zip(ways, threads.map(deliver_by, ways), strict=True)}
    for pending in state.outbox:
        taken_by = {name for name, by in delivered.items() if pending.message.id in by.taken}
        pending.to = [name for name in pending.to if name not in taken_by]
    state.outbox = [one for one in state.outbox if delivered.keys() & set(one.to)]
    return list(dict.fromkeys(problem for by in delivered.values() for problem in by.problems))


def _deliver_by(way: Channel, messages: Sequence[Message], deadline: float) -> Delivered:
    """Deliver the messages that wait for a channel, oldest first, until the deadline.

    After a failure, later messages wait too, to keep the order, unless the receiver refused the message's content.
    """
    found = Delivered(set(), [])
    for message in messages:
        if time.monotonic() > deadline:
            break
        try:
            deliver(way, message)
            found.taken.add(message.id)
        except NotDelivered as error:
            found.problems.append(str(error))
            if not isinstance(error, NotThisMessage):
                break
    return found
