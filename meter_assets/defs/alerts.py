"""The sensor `check_alerts`: sends a message about checks that started to fail, and about checks that recovered.

A run of `watch_migrated_tenants` that failed is reported like a check that fails. There is one message per run, and
none for what was known before. A message that a receiver does not take stays in the outbox, which is part of the
sensor's cursor, and is tried again at the next tick. Decide here what is news; what a message says and how it is
delivered belongs in `monitoring.alerts`.
"""

import time
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg
from pydantic import BaseModel, ValidationError

from meter_assets.defs.checks import told
from meter_assets.defs.partitions import TENANTS
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
)
from meter_assets.rules.invariants import INVARIANTS, Group, Severity
from meter_assets.rules.steps import guarded_step
from meter_assets.runtime.event_log import Outcome, Reader
from meter_assets.settings import variables

CHECKS = tuple(one.name for one in INVARIANTS if one.severity is Severity.ERROR)
SECONDS_BETWEEN_TICKS = 30
SECONDS_TO_DELIVER = 30
"""A delivery that has not started by then waits for the next tick: Dagster ends a tick that takes over a minute."""
SETTLING = timedelta(seconds=30)
"""How long the transaction may take that stores what a run has found: what is newer is left to the next tick."""
BEFORE_THE_FIRST_TICK = "before alerts were turned on"


class Pending(BaseModel):
    """A message that some receivers have not taken yet: the names of the ways to them."""

    message: Message
    to: list[str]


class Delivered(NamedTuple):
    """What a receiver has taken, by the ids of the messages, and why it has not taken more."""

    taken: set[str]
    problems: list[str]


class Failing(NamedTuple):
    """A check of a tenant that is failing, and the latest run that has found so."""

    check: str
    tenant: str
    run_id: str = ""


class State(BaseModel):
    """What the sensor knows: how far it has read, which checks and whether watching itself are failing.

    And what is undelivered.
    """

    read_to: int = 0
    read_run: str = ""
    """The run that has stored what was read last. Where it has not, runs were deleted, and their places are others'."""
    failing: list[Failing] = []
    watching_fails: bool = False
    outbox: list[Pending] = []


def _default_status() -> dg.DefaultSensorStatus:
    try:
        wanted = bool(channels(variables(VARIABLES)))
    except InvalidSettings:
        wanted = True  # so that its ticks say what is wrong
    return dg.DefaultSensorStatus.RUNNING if wanted else dg.DefaultSensorStatus.STOPPED


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=_default_status(),
    description="Sends one message per run about the ERROR checks that have started to fail or have recovered, to the "
    f"receivers that the environment names ({URLS_VARIABLE}, {WEBHOOK_VARIABLE}, {MAIL_TO_VARIABLE}). What a receiver "
    "does not take is tried again at each tick.",
)
def check_alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Read what checks have found since the last tick, and deliver what is new."""
    try:
        ways = channels(variables(VARIABLES))
    except InvalidSettings as error:
        return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
    if not ways:
        said = f"No receiver is named: set {URLS_VARIABLE}, {WEBHOOK_VARIABLE}, or the variables for e-mail."
        return dg.SensorResult(skip_reason=said, cursor=context.cursor)
    known = _known(context)
    state, messages = _read(context.instance, known)
    messages += _of_watching(context.instance, state)
    state.outbox += [Pending(message=one, to=[way.name for way in ways]) for one in messages]
    problems = _deliver(state, ways)
    for problem in problems:
        context.log.warning(problem)
    said = f"{len(messages)} new messages, {len(state.outbox)} undelivered." + "".join(f" {one}." for one in problems)
    return dg.SensorResult(skip_reason=said, cursor=state.model_dump_json())


def _known(context: dg.SensorEvaluationContext) -> State | None:
    """Return what the sensor's cursor has; nothing, as before the first tick, where it cannot be read."""
    try:
        return State.model_validate_json(context.cursor) if context.cursor else None
    except ValidationError:
        context.log.warning("What was known cannot be read, as after an upgrade: beginning as if turned on just now.")
        return None


def _read(instance: dg.DagsterInstance, known: State | None) -> tuple[State, list[Message]]:
    """Return what is known now, and one message per run that found something new."""
    reader, state = Reader(instance, tuple(map(guarded_step, Group)), CHECKS), known or State()
    goes_on = known is not None and reader.run_at(state.read_to) == state.read_run
    read_from = state.read_to if goes_on else 0
    read_to = reader.last_settled(read_from, datetime.now(UTC) - SETTLING)
    if goes_on and read_to == read_from:
        return state, []
    found = reader.outcomes(read_from, read_to) if goes_on else reader.latest_outcomes(read_to)
    runs = {one.run_id for one in state.failing}
    present = reader.failing_of(runs) if goes_on else {(one.check, one.partition) for one in found}
    failing = _still_known(instance, state, present)
    messages = _messages(reader, list(_news(found, failing)), None if known else BEFORE_THE_FIRST_TICK)
    read = {"read_to": read_to, "read_run": reader.run_at(read_to), "failing": sorted(failing.values())}
    return state.model_copy(update=read), messages


def _still_known(
    instance: dg.DagsterInstance, state: State, present: Container[tuple[str, str]]
) -> dict[tuple[str, str], Failing]:
    """Return what was known to be failing, without tenants that are gone and what is no longer there to be found.

    After a rollback, nothing is found under a tenant's name that was found before. No message is sent about what is
    left out: it has not recovered, and it can no longer fail. If the tenant is migrated again and fails, that is news.
    """
    tenants = set(instance.get_dynamic_partitions(str(TENANTS.name)))
    known = {(one.check, one.tenant): one for one in state.failing}
    return {key: one for key, one in known.items() if key in present and one.tenant in tenants}


def _messages(reader: Reader, news: Sequence[Outcome], run_id: str | None) -> list[Message]:
    """Return one message for each run, or a single one for all, under a name that stands for a run's id."""
    by_run: dict[str, list[Outcome]] = {}
    for one in news:
        by_run.setdefault(run_id or one.run_id, []).append(one)
    return [_message(reader, *of_one) for of_one in by_run.items()]


def _message(reader: Reader, run_id: str, found: Sequence[Outcome]) -> Message:
    failing, recovered = [one for one in found if not one.passed], [one for one in found if one.passed]
    results = reader.evaluations([*failing[:LISTED], *recovered[:LISTED]])
    said = {place: told(one) for place, one in results.items()}

    def listed(outcomes: Sequence[Outcome]) -> list[News]:
        return [
            News(tenant=one.partition, check=one.check, severity="ERROR", says=said.get(one.storage_id, ""))
            for one in outcomes[:LISTED]
        ]

    return Message(
        run_id=run_id,
        newly_failing=listed(failing),
        recovered=listed(recovered),
        newly_failing_count=len(failing),
        recovered_count=len(recovered),
    )


def _of_watching(instance: dg.DagsterInstance, state: State) -> Iterator[Message]:
    """Yield a message if the newest run that watches has failed and the one before had not, or the other way round."""
    ended = dg.RunsFilter(
        job_name=watch_migrated_tenants.name, statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    )
    for run in instance.get_runs(ended, limit=1):
        fails = run.status is dg.DagsterRunStatus.FAILURE
        if fails != state.watching_fails:
            state.watching_fails = fails
            says = (
                "The run failed, and judged nothing: until one succeeds, nobody watches." if fails else "It runs again."
            )
            news = [News(tenant="any", check=watch_migrated_tenants.name, severity="ERROR", says=says)]
            yield Message(run_id=run.run_id, newly_failing=news if fails else [], recovered=[] if fails else news)


def _news(found: Sequence[Outcome], failing: dict[tuple[str, str], Failing]) -> Iterator[Outcome]:
    """Yield the outcomes that are not as they were before, and keep what is failing."""
    for one in found:
        # A partition whose name is no tenant's has what was found before a rollback.
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
    """Deliver what can be delivered, to all receivers at the same time, and return why the rest could not be."""
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
    """Deliver the messages that wait for a channel, until the deadline.

    Oldest first, so that none overtakes another: only a message whose content was refused may be overtaken.
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
