"""The size of batches that follows the load: the law of the pace, what a server tells of its load, and whole steps."""

from threading import Thread

import pytest
from sqlalchemy import text

from meter_assets.engines import engine_of
from meter_assets.engines.base import Load
from meter_assets.migration import pace
from meter_assets.migration.batch_size import AUTO
from meter_assets.migration.pace import FIRST, LEAST, MOST, SECONDS_AIMED_AT, Pace
from meter_assets.rules.steps import MIGRATION
from tests.support.batches import in_batches
from tests.support.command_line import HEALTHY, CommandLine
from tests.support.databases import migrate, start_over, write
from tests.support.ledger import invoice, ledger, payment
from tests.support.rules import SCHEMA

BOOKS = ledger(
    [invoice(number, f"{number}0.00") for number in range(1, 9)], [payment(number, "1.00") for number in range(1, 30)]
)
QUIET, WAITING = Load(), Load(others_wait=True)
EVERY_PAYMENT = "UPDATE payments SET status = status"


@pytest.mark.parametrize(
    ("seconds", "load", "size", "pause"),
    [
        (SECONDS_AIMED_AT, QUIET, FIRST, 0.0),
        (SECONDS_AIMED_AT / 1.5, QUIET, FIRST * 1.5, 0.0),
        (0.001, QUIET, FIRST * 2, 0.0),
        (SECONDS_AIMED_AT * 10, QUIET, FIRST / 2, 0.0),
        (SECONDS_AIMED_AT, WAITING, FIRST / 2, SECONDS_AIMED_AT),
        (SECONDS_AIMED_AT, Load(seconds_of_lag=60), FIRST, 1.25),
        (SECONDS_AIMED_AT, Load(dead_share=1.5), FIRST, 1.25),
        (10.0, Load(seconds_of_lag=60), FIRST / 2, pace.LONGEST_PAUSE),
    ],
)
def test_the_next_batch_follows_the_last_one(seconds: float, load: Load, size: float, pause: float) -> None:
    following = Pace(AUTO)
    assert following.after(seconds, load) == pytest.approx(pause)
    assert following.size == pytest.approx(size, abs=1)


def test_a_size_has_bounds_and_a_given_one_is_kept() -> None:
    following, given = Pace(AUTO), Pace(7)
    for _ in range(20):
        following.after(10.0, WAITING)
        assert given.after(10.0, WAITING) == 0.0
    assert (following.size, given.size) == (LEAST, 7)
    for _ in range(20):
        following.after(0.0, QUIET)
    assert following.size == MOST


def test_a_server_tells_who_waits(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, BOOKS)
    other = Thread(target=write, args=(database, EVERY_PAYMENT))
    with database.engine.connect() as connection, connection.begin():
        connection.execute(text(EVERY_PAYMENT))
        engine = engine_of(connection)
        assert not engine.load(connection, "payments").others_wait
        other.start()
        while not engine.load(connection, "payments").others_wait:
            other.join(0.05)
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    other.join()


@pytest.mark.slow
def test_steps_by_load_write_what_one_transaction_writes(billing_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST", 2)
    monkeypatch.setattr(pace, "LEAST", 1)
    at_once = migrate(start_over(billing_url, SCHEMA, BOOKS), 1)
    by_load = in_batches(start_over(billing_url, SCHEMA, BOOKS), AUTO, *MIGRATION[1:])
    assert sum(one.changed for one in by_load.values()) > len(by_load) * 2
    assert {step: by_load[step].changed for step in by_load} == {step: at_once[step].changed for step in by_load}
    assert {step: by_load[step].sums for step in by_load} == {step: at_once[step].sums for step in by_load}


@pytest.mark.slow
def test_the_command_line_takes_auto(on_sqlite: CommandLine) -> None:
    ended = on_sqlite("migrate-meter-financials", "--tenant", HEALTHY, "--yes", "--batch-size", "auto")
    assert ended.status == 0, ended.printed
    refused = on_sqlite("migrate-meter-financials", "--tenant", HEALTHY, "--yes", "--batch-size", "some")
    assert refused.status == 2
    assert "'some' is not a valid" in refused.printed
