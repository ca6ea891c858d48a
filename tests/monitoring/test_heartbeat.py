"""Each pass of the watching calls the heartbeat's URL, and no problem of the receiver is a problem of the pass."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bench.watching import make_migrated_tenants
from meter_assets.demo.generator import DemoSize
from meter_assets.migration.database import BillingDatabase
from meter_assets.monitoring.alerts import delivery
from meter_assets.monitoring.alerts.receivers import HEARTBEAT_VARIABLE
from tests.support.processes import free_port
from tests.support.receivers import Hook
from tests.support.watching import Watch, instance_in

PATH = "/ping/sesame"
pytestmark = pytest.mark.slow


def warned_by(watch: Watch, **run: Any) -> tuple[bool, str]:
    """Run a pass; return whether it succeeded, and what its log says about the heartbeat."""
    result = watch.run(**run)
    lines = [one.user_message for one in watch.instance.all_logs(result.run_id)]
    assert "sesame" not in "\n".join(lines)
    return result.success, "\n".join(one for one in lines if "heartbeat" in one)


def test_each_pass_calls_it_and_a_receiver_that_fails_is_only_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SECONDS_TO_WAIT", 1)
    (tmp_path / "billing.db").touch()
    database = BillingDatabase(f"sqlite:///{tmp_path / 'billing.db'}")
    make_migrated_tenants(database, DemoSize(2, 1, 2))
    hook = Hook()
    try:
        with instance_in(tmp_path / "dagster") as instance:
            watch = Watch(instance, database)
            assert warned_by(watch) == (True, "")
            assert hook.paths == []
            monkeypatch.setenv(HEARTBEAT_VARIABLE, f"http://127.0.0.1:{hook.port}{PATH}")
            for full in (True, False):
                assert warned_by(watch, full=full) == (True, "")
            assert hook.paths == [PATH, PATH]

            for answer, said in ((500, "answered with status 500"), (302, "status 302"), (None, "within 1 seconds")):
                hook.answer = answer
                succeeded, warned = warned_by(watch)
                assert succeeded
                assert "The heartbeat was not sent: the heartbeat at 127.0.0.1" in warned, answer
                assert said in warned
            for wrong in ("", "ftp://127.0.0.1/sesame", f"http://127.0.0.1:{free_port()}{PATH}"):
                monkeypatch.setenv(HEARTBEAT_VARIABLE, wrong)
                succeeded, warned = warned_by(watch)
                assert succeeded
                assert "The heartbeat was not sent: " in warned, wrong
            hook.answer, hook.paths[:] = 200, []
            monkeypatch.setenv(HEARTBEAT_VARIABLE, f"http://127.0.0.1:{hook.port}{PATH}")
            with database.engine.begin() as connection:
                connection.execute(text("ALTER TABLE payments RENAME TO moved"))
            assert not warned_by(watch)[0]
            assert hook.paths == []
    finally:
        hook.close()
