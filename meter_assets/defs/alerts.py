"""The sensor that tells people what is new: checks that have begun to fail, and checks that have recovered.

One message per run, and none for what was known before. What a receiver does not take stays in the outbox, which the
sensor's cursor has, and is tried again at the next tick.
"""

from collections.abc import Sequence

import dagster as dg
from pydantic import BaseModel

from meter_assets.alerts import (
    MAIL_TO_VARIABLE,
    WEBHOOK_VARIABLE,
    Channel,
    Message,
    News,
    NotDelivered,
    channels,
)
from meter_assets.errors import InvalidSettings
from meter_assets.event_log import Outcome, latest_outcomes, outcomes_since
from meter_assets.invariants import INVARIANTS, Severity

SEVERITY = {one.name: one.severity for one in INVARIANTS}
SECONDS_BETWEEN_TICKS = 30
BEFORE_THE_FIRST_TICK = "before alerts were turned on"


class Pending(BaseModel):
    """A message that some receivers have not taken yet: the names of the ways to them."""

    message: Message
    to: list[str]


class State(BaseModel):
    """What the sensor knows: how far it has read, which checks are failing (check, tenant), and what is undelivered."""

    read_to: int = 0
    failing: list[tuple[str, str]] = []
    outbox: list[Pending] = []


def _default_status() -> dg.DefaultSensorStatus:
    try:
        wanted = bool(channels())
    except InvalidSettings:
        wanted = True  # so that its ticks say what is wrong
    return dg.DefaultSensorStatus.RUNNING if wanted else dg.DefaultSensorStatus.STOPPED


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=_default_status(),
    description="Sends one message per run about the ERROR checks that have begun to fail or have recovered, to the "
    f"webhook and the mailboxes that the environment names ({WEBHOOK_VARIABLE}, {MAIL_TO_VARIABLE}). What a receiver "
    "does not take is tried again at each tick.",
)
def check_alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Read what checks have found since the last tick, and deliver what is new."""
    try:
        ways = channels()
    except InvalidSettings as error:
        return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
    if not ways:
        said = f"No receiver is named: set {WEBHOOK_VARIABLE}, or {MAIL_TO_VARIABLE} and what goes with it."
        return dg.SensorResult(skip_reason=said, cursor=context.cursor)
    known = State.model_validate_json(context.cursor) if context.cursor else None
    state, messages = _read(context.instance, known)
    state.outbox += [Pending(message=one, to=[way.name for way in ways]) for one in messages]
    problems = _deliver(state, ways)
    for problem in problems:
        context.log.warning(problem)
    said = f"{len(messages)} new messages, {len(state.outbox)} undelivered." + "".join(f" {one}." for one in problems)
    return dg.SensorResult(skip_reason=said, cursor=state.model_dump_json())


def _read(instance: dg.DagsterInstance, known: State | None) -> tuple[State, list[Message]]:
    """Return what is known now, and one message per run that has brought news."""
    found = latest_outcomes(instance) if known is None else outcomes_since(instance, known.read_to)
    if known is None:
        found = [one.of_run(BEFORE_THE_FIRST_TICK) for one in found]
        known = State()
    failing = set(known.failing)
    by_run: dict[str, list[Outcome]] = {}
    for one in found:
        by_run.setdefault(one.run_id, []).append(one)
    messages = []
    for run_id, outcomes in by_run.items():
        message = Message(run_id=run_id)
        for one in outcomes:
            key = (one.check, one.partition)
            if SEVERITY.get(one.check) is not Severity.ERROR or one.passed == (key not in failing):
                continue
            news = message.recovered if one.passed else message.newly_failing
            news.append(News(tenant=one.partition, check=one.check, severity="ERROR", says=one.description))
            failing ^= {key}
        if message.newly_failing or message.recovered:
            messages.append(message)
    read_to = max((one.storage_id for one in found), default=known.read_to)
    return State(read_to=read_to, failing=sorted(failing), outbox=known.outbox), messages


def _deliver(state: State, ways: Sequence[Channel]) -> list[str]:
    """Deliver what can be, oldest first, and return why the rest could not; a way that fails is left for this tick."""
    problems: dict[str, str] = {}
    for pending in state.outbox:
        for way in ways:
            if way.name not in pending.to or way.name in problems:
                continue
            try:
                way.deliver(pending.message)
                pending.to.remove(way.name)
            except NotDelivered as error:
                problems[way.name] = str(error)
    named = {way.name for way in ways}
    state.outbox = [one for one in state.outbox if named & set(one.to)]
    return list(problems.values())
