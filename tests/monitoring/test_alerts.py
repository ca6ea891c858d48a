"""People are told what is new, once: against real HTTP and SMTP servers that work, refuse, hang, or are not there."""

import html
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage
from sqlalchemy import text

from bench.watching import make_migrated_tenants
from meter_assets.defs import alerts as sensor_module
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.results import place
from meter_assets.demo.generator import DemoSize
from meter_assets.foreign_text import visible
from meter_assets.migration.database import BillingDatabase
from meter_assets.monitoring.alerts import delivery as alerts
from meter_assets.monitoring.alerts.messages import Message, News
from meter_assets.monitoring.alerts.receivers import (
    MAIL_FROM_VARIABLE,
    MAIL_TO_VARIABLE,
    SMTP_VARIABLE,
    UI_URL_VARIABLE,
    URLS_VARIABLE,
    WEBHOOK_VARIABLE,
)
from meter_assets.rules.invariants import INVARIANTS, Group, Severity
from meter_assets.rules.steps import guarded_step
from meter_assets.runtime.instance import POSTGRES_URL_VARIABLE
from meter_assets.runtime.materializations import forget_materializations
from tests.support.alert_sensor import SECRET_PATH, Sensor, heard, name_a_mail_server
from tests.support.databases import migrate
from tests.support.processes import free_port
from tests.support.receivers import PASSWORD, SECONDS, TRICKLE, Hook, Mailbox
from tests.support.watching import Watch, instance_in, overwrite_a_balance

BALANCES, METERS = "every_meter_balance_equals_its_transactions", "every_counted_payment_has_a_meter"
WARNING = next(one.name for one in INVARIANTS if one.severity is Severity.WARN)
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # of the local server


@pytest.mark.slow
def test_what_is_new_is_one_message_per_run_and_repetitions_and_warnings_are_none(hook: Hook, sensor: Sensor) -> None:
    fails = {(BALANCES, "1"): False, (METERS, "1"): False, (BALANCES, "2"): True, (WARNING, "2"): False}
    first = sensor.found(fails)
    assert sensor.tick() == "1 new messages, 0 undelivered."
    assert hook.paths == [SECRET_PATH]
    (message,) = hook.received
    assert heard(hook) == [({(BALANCES, "1"), (METERS, "1")}, set())]
    assert message["run_id"] == first
    lines = message["text"].splitlines()
    assert lines[0] == "meter-assets: 2 checks newly failing"
    assert f"- tenant 1, {BALANCES}: {BALANCES} of 1 is broken" in lines
    assert lines[-1] == f"Run {first}"

    sensor.found(fails)
    sensor.found(fails)
    assert sensor.tick() == sensor.tick() == "0 new messages, 0 undelivered."
    assert len(hook.received) == 1

    second = sensor.found({(BALANCES, "1"): True, (METERS, "2"): False})
    third = sensor.found({(BALANCES, "1"): True, (METERS, "1"): True})
    assert sensor.tick() == "2 new messages, 0 undelivered."
    assert [one["run_id"] for one in hook.received] == [first, second, third]
    assert heard(hook)[1:] == [({(METERS, "2")}, {(BALANCES, "1")}), (set(), {(METERS, "1")})]
    assert hook.received[1]["text"].startswith("meter-assets: 1 check newly failing, 1 check recovered\n")
    assert len({one["id"] for one in hook.received}) == 3


def test_a_message_names_tenant_and_database_and_links_to_the_pages(
    hook: Hook, mailbox: Mailbox, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(UI_URL_VARIABLE, "https://meters.example.org/ui/")
    sensor.where = place('Vodovod "Sever"', "postgresql://watch:***@db.example.org/billing")
    run_id = sensor.found({(BALANCES, "7"): False})
    sensor.tick()
    sensor.found({(BALANCES, "7"): True})
    sensor.tick()
    page = f"https://meters.example.org/ui/assets/meter_balances?view=checks&checkDetail={BALANCES}"
    for message, mail in zip(hook.received, mailbox.received[::2], strict=True):
        lines = mail.get_content().replace("\u200b", "").splitlines()
        assert lines == html.unescape(message["text"]).replace("\u200b", "").splitlines()
        assert lines[1] == "Database: postgresql://watch:***@db.example.org/billing"
        assert lines[2] == f"In the Dagster UI: https://meters.example.org/ui/runs/{message['run_id']}"
        assert lines[5].startswith(f"- tenant 7 \"Vodovod 'Sever'\", {BALANCES}: ")
        assert lines[6] == f"  {page}"
        assert f"  {page}" in mail.get_content().splitlines()  # a program finds this link, and none in the data
        (news,) = message["newly_failing"] + message["recovered"]
        assert (news["tenant"], news["tenant_name"], news["link"]) == ("7", 'Vodovod "Sever"', page)
    assert hook.received[0]["run_id"] == run_id


def test_a_message_of_the_former_version_keeps_its_id() -> None:
    """The id was the hash of all fields; those that are new do not belong to it."""
    kept = Message(run_id="r", newly_failing=[News(tenant="1", check=BALANCES, severity="ERROR", says="it is wrong")])
    there = News(tenant="1", tenant_name="North", check=BALANCES, severity="ERROR", says="it is wrong", link="http://x")
    assert kept.id == Message(run_id="r", database="d", link="http://x", newly_failing=[there]).id == "c5ea2be5b1ff8fa9"


@pytest.mark.slow
def test_mail_says_the_same(hook: Hook, mailbox: Mailbox, sensor: Sensor) -> None:
    sensor.found({(BALANCES, "1"): False})
    assert sensor.tick() == "1 new messages, 0 undelivered."
    (message,) = hook.received
    assert sorted(mail["To"] for mail in mailbox.received) == ["billing@example.org", "night@example.org"]
    for mail in mailbox.received:
        assert mail["Subject"] == "meter-assets: 1 check newly failing"
        assert mail["From"] == "meters@example.org"
        assert mail["Message-ID"] == f"<{message['id']}@meter-assets>"
        assert mail.get_content().split() == message["text"].split()


@pytest.mark.slow
def test_a_mailbox_that_is_refused_for_now_gets_its_mail_later_and_no_other_gets_it_twice(
    mailbox: Mailbox, sensor: Sensor
) -> None:
    """Also where the server does not take leave as it should: it has the mail."""
    mailbox.refused, mailbox.goodbye = {"night@example.org"}, "421 Too busy"
    sensor.found({(BALANCES, "1"): False})
    assert re.search("1 undelivered.*, for night@example.org, did not take it .SMTPRecipientsRefused", sensor.tick())
    mailbox.refused = set()
    assert sensor.tick() == sensor.tick() == "0 new messages, 0 undelivered."
    assert sorted(mail["To"] for mail in mailbox.received) == ["billing@example.org", "night@example.org"]


@pytest.mark.slow
def test_a_mail_server_that_takes_its_time_gets_each_mail_once_and_ticks_do_not_wait_for_it(
    hook: Hook, mailbox: Mailbox, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "SECONDS_TO_WAIT", 0.2)
    mailbox.seconds = 0.3
    sensor.found({(BALANCES, "1"): False})
    assert re.search("1 undelivered. the mail server .* did not take it within 0.2 seconds", sensor.tick())
    said = [sensor.tick() for _ in range(10)]
    assert said[-1] == "0 new messages, 0 undelivered."
    assert sorted(mail["To"] for mail in mailbox.received) == ["billing@example.org", "night@example.org"]
    assert len(hook.received) == 1


@pytest.mark.slow
def test_a_mail_server_is_told_a_password_that_is_not_ascii(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = Mailbox(name_a_mail_server(monkeypatch, "h%C3%A9llo"), "héllo")
    try:
        sensor.found({(BALANCES, "1"): False})
        assert sensor.tick() == "1 new messages, 0 undelivered."
        assert mailbox.passwords == ["héllo", "héllo"]
    finally:
        mailbox.close()


BROKEN_HOOKS: dict[str, int | None] = {"answers 500": 500, "redirects": 302, "hangs": None, "trickles": TRICKLE}


@pytest.mark.slow
@pytest.mark.parametrize("how", [*BROKEN_HOOKS, "is down"])
def test_a_webhook_that_does_not_take_it_loses_nothing_and_the_mail_comes_at_once(
    how: str, hook: Hook, mailbox: Mailbox, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port() if how == "is down" else hook.port
    monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:{port}{SECRET_PATH}")
    hook.answer = BROKEN_HOOKS.get(how)
    if how == "trickles":
        monkeypatch.setattr(alerts, "SECONDS_TO_WAIT", 0.5)
    runs = []
    started = time.monotonic()
    for number, tenant in enumerate("123", start=1):
        runs.append(sensor.found({(BALANCES, tenant): False}))
        said = sensor.tick()
        assert said.startswith(f"1 new messages, {number} undelivered. the webhook at 127.0.0.1 ")
        assert len(mailbox.received) == 2 * number
    assert time.monotonic() - started < SECONDS
    assert hook.received == []

    back = Hook(port) if how == "is down" else hook
    try:
        back.answer = 200
        assert sensor.tick() == "0 new messages, 0 undelivered."
        sensor.tick()
        assert [one["run_id"] for one in back.received] == runs
        assert len(mailbox.received) == 6
    finally:
        if back is not hook:
            back.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["is down", "refuses", "has another password", "has a name that is none"])
def test_a_mail_server_that_does_not_take_it_loses_nothing_and_the_webhook_gets_it_at_once(
    how: str, hook: Hook, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = name_a_mail_server(monkeypatch, "wrong" if how == "has another password" else PASSWORD)
    if how == "has a name that is none":
        monkeypatch.setenv(SMTP_VARIABLE, f"smtp://watch:{PASSWORD}@mail..example.com:{port}?starttls=false")
    mailbox = None if how == "is down" else Mailbox(port)
    if mailbox:
        mailbox.answer = "451 later" if how == "refuses" else mailbox.answer
    try:
        for number, tenant in enumerate("12", start=1):
            sensor.found({(BALANCES, tenant): False})
            assert re.search(rf"{number} undelivered. the mail server \S+:{port}, .*, did not take it", sensor.tick())
            assert len(hook.received) == number
        assert mailbox is None or mailbox.received == []
        mailbox = mailbox or Mailbox(port)
        mailbox.answer = "250 OK"
        monkeypatch.setenv(SMTP_VARIABLE, f"smtp://watch:{PASSWORD}@127.0.0.1:{port}?starttls=false")
        assert sensor.tick() == "0 new messages, 0 undelivered."
        for address in ("billing@example.org", "night@example.org"):
            mails = [mail.get_content() for mail in mailbox.received if mail["To"] == address]
            assert ["tenant 1" in mail for mail in mails] == [True, False]
        assert len(hook.received) == 2
    finally:
        if mailbox:
            mailbox.close()


def test_watching_that_fails_is_told_once_and_so_is_that_it_runs_again(hook: Hook, sensor: Sensor) -> None:
    told: list[str] = []
    for status in ("SUCCESS", "FAILURE", "FAILURE", "SUCCESS", "SUCCESS"):
        run = dg.DagsterRun(job_name="watch_migrated_tenants", run_id=str(uuid4()), status=dg.DagsterRunStatus[status])
        sensor.instance.add_run(run)
        sensor.tick()
        told += [run.run_id] * (len(hook.received) - len(told))
        assert [one["run_id"] for one in hook.received] == told
    assert heard(hook) == [({("watch_migrated_tenants", "any")}, set()), (set(), {("watch_migrated_tenants", "any")})]
    assert "no tenant is watched" in hook.received[0]["text"]


@pytest.mark.slow
def test_a_later_message_overtakes_one_only_if_that_was_refused_for_what_it_is(hook: Hook, sensor: Sensor) -> None:
    runs = [sensor.found({(BALANCES, tenant): False}) for tenant in "12"]
    for status in (503, 429, 403):
        hook.refuse_next, hook.refuse_with = 1, status
        assert f" 2 undelivered. the webhook at 127.0.0.1 answered with status {status}." in sensor.tick()
        assert hook.received == []
    hook.refuse_next, hook.refuse_with = 1, 413
    assert sensor.tick().endswith(" 1 undelivered. the webhook at 127.0.0.1 answered with status 413.")
    sensor.tick()
    assert [one["run_id"] for one in hook.received] == [runs[1], runs[0]]


@pytest.mark.slow
def test_one_receiver_does_not_use_up_the_time_of_another(
    hook: Hook, mailbox: Mailbox, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor_module, "SECONDS_TO_DELIVER", 1)
    hook.refuse_next, hook.refuse_with, hook.seconds = 9, 400, 0.3
    for tenant in "12345":
        sensor.found({(BALANCES, tenant): False})
    sensor.tick()
    assert hook.paths.count(SECRET_PATH) < 5
    assert {mail["To"] for mail in mailbox.received} == {"billing@example.org", "night@example.org"}


@pytest.mark.slow
def test_a_tick_ends_in_time_and_the_next_one_goes_on(
    hook: Hook, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor.found({(BALANCES, "1"): False})
    with monkeypatch.context() as patch:
        patch.setattr(sensor_module, "SECONDS_TO_DELIVER", -1)
        assert sensor.tick() == "1 new messages, 1 undelivered."
    assert hook.received == []
    assert sensor.tick() == "0 new messages, 0 undelivered."
    assert len(hook.received) == 1


@pytest.mark.slow
def test_a_mail_server_without_tls_gets_no_password(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is the default, and a server that has none is not told the password."""
    port = name_a_mail_server(monkeypatch)
    monkeypatch.setenv(SMTP_VARIABLE, f"smtp://watch:{PASSWORD}@127.0.0.1:{port}")
    mailbox = Mailbox(port)
    try:
        sensor.found({(BALANCES, "1"): False})
        assert "(SMTPNotSupportedError)" in sensor.tick()
        assert mailbox.received == []
    finally:
        mailbox.close()


@pytest.mark.slow
def test_no_secret_is_in_what_ticks_say_or_keep_or_log(
    hook: Hook,
    sensor: Sensor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Delivered or not, and with everything logged."""
    caplog.set_level(logging.DEBUG)
    mailbox = Mailbox(name_a_mail_server(monkeypatch))
    breaks: list[Callable[[], object]] = [
        lambda: None,
        lambda: setattr(hook, "header", "no header\r\nX"),
        lambda: setattr(hook, "answer", 500),
        lambda: setattr(hook, "answer", None),
        lambda: setattr(mailbox, "answer", "554 no"),
        lambda: name_a_mail_server(monkeypatch, f"{PASSWORD}2"),
        lambda: monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:{free_port()}{SECRET_PATH}"),
        lambda: monkeypatch.setenv(WEBHOOK_VARIABLE, f"ftp://127.0.0.1{SECRET_PATH}"),
        lambda: monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:port{SECRET_PATH}"),
        lambda: monkeypatch.setenv(SMTP_VARIABLE, f"imap://watch:{PASSWORD}@127.0.0.1"),
        lambda: monkeypatch.setenv(SMTP_VARIABLE, f"smtp://watch:12#{PASSWORD}@127.0.0.1"),
    ]
    kept = []
    try:
        for number, break_it in enumerate(breaks):
            break_it()
            sensor.found({(BALANCES, str(number)): False})
            sensor.tick()
            kept.append(str(sensor.cursor))
    finally:
        mailbox.close()
    captured = capfd.readouterr()
    everything = "\n".join([*sensor.said, *kept, caplog.text, captured.out, captured.err])
    assert "did not take it" in everything
    assert "answered with status 500" in everything
    assert "sesame" not in everything


WRONG = {
    "no URL": ({WEBHOOK_VARIABLE: ""}, WEBHOOK_VARIABLE),
    "no address of the UI": ({UI_URL_VARIABLE: "meters.example.org"}, UI_URL_VARIABLE),
    "a password of the UI": ({UI_URL_VARIABLE: "https://user:sesame@host/"}, UI_URL_VARIABLE),
    "a token of the UI": ({UI_URL_VARIABLE: "https://host/?key=sesame"}, UI_URL_VARIABLE),
    "another scheme": ({WEBHOOK_VARIABLE: "ftp://host/"}, WEBHOOK_VARIABLE),
    "no host": ({WEBHOOK_VARIABLE: "https:///path"}, WEBHOOK_VARIABLE),
    "no port": ({WEBHOOK_VARIABLE: "https://host:port/"}, WEBHOOK_VARIABLE),
    "no brackets": ({WEBHOOK_VARIABLE: "https://[host/"}, WEBHOOK_VARIABLE),
    "no receiver": ({SMTP_VARIABLE: "smtp://host", MAIL_FROM_VARIABLE: "a@b"}, MAIL_TO_VARIABLE),
    "no server": ({MAIL_TO_VARIABLE: "a@b", MAIL_FROM_VARIABLE: "a@b"}, SMTP_VARIABLE),
    "no mail scheme": (
        {SMTP_VARIABLE: "host:25", MAIL_TO_VARIABLE: "a@b", MAIL_FROM_VARIABLE: "a@b"},
        SMTP_VARIABLE,
    ),
    "no mail port": (
        {SMTP_VARIABLE: "smtp://host:x", MAIL_TO_VARIABLE: "a@b", MAIL_FROM_VARIABLE: "a@b"},
        SMTP_VARIABLE,
    ),
    "no address": (
        {SMTP_VARIABLE: "smtp://host", MAIL_TO_VARIABLE: "a@b, c", MAIL_FROM_VARIABLE: "a@b"},
        MAIL_TO_VARIABLE,
    ),
    "no host's port, but half a password": (
        {SMTP_VARIABLE: "smtp://watch:12#sesame@host", MAIL_TO_VARIABLE: "a@b", MAIL_FROM_VARIABLE: "a@b"},
        SMTP_VARIABLE,
    ),
    "a path": (
        {SMTP_VARIABLE: "smtp://watch:12/sesame@host", MAIL_TO_VARIABLE: "a@b", MAIL_FROM_VARIABLE: "a@b"},
        SMTP_VARIABLE,
    ),
    "a fragment": ({WEBHOOK_VARIABLE: "https://watch:12#sesame@host/"}, WEBHOOK_VARIABLE),
    **{
        f"option {option}": (
            {SMTP_VARIABLE: f"smtp://host?{option}", MAIL_TO_VARIABLE: "a@b", MAIL_FROM_VARIABLE: "a@b"},
            SMTP_VARIABLE,
        )
        for option in (
            "starttls=yes",
            "starttls=1",
            "starttls=required",
            "starttls",
            "STARTTLS=true",
            "starttls=true&x=1",
        )
    },
    "half an address": (
        {SMTP_VARIABLE: "smtp://host", MAIL_TO_VARIABLE: "a@[c", MAIL_FROM_VARIABLE: "a@b"},
        MAIL_TO_VARIABLE,
    ),
    "a line more": (
        {SMTP_VARIABLE: "smtp://host", MAIL_TO_VARIABLE: "a@b", MAIL_FROM_VARIABLE: "a@b\nBcc: c@d"},
        MAIL_FROM_VARIABLE,
    ),
}


@pytest.mark.slow
def test_wrong_settings_are_told_in_a_sentence_and_what_is_found_meanwhile_is_told_later(
    hook: Hook, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor.tick()
    sensor.found({(BALANCES, "1"): False})
    for wrong, (variables, named) in WRONG.items():
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            said = sensor.tick()
        assert re.search(rf"\b{named}\b.*\.$", said), (wrong, said)
        assert not re.search("\n|sesame", said)
    assert hook.received == []
    sensor.tick()
    assert heard(hook) == [({(BALANCES, "1")}, set())]


@pytest.mark.slow
def test_without_a_receiver_a_tick_says_what_to_set(sensor: Sensor) -> None:
    assert f"set {URLS_VARIABLE}, {WEBHOOK_VARIABLE}, or" in sensor.tick()
    assert sensor.cursor is None


@pytest.mark.slow
@pytest.mark.parametrize("cursor", [None, '{"failing": "in another form"}'])
def test_what_was_failing_before_alerts_were_turned_on_is_one_message(
    hook: Hook, sensor: Sensor, cursor: str | None
) -> None:
    sensor.cursor = cursor
    sensor.found({(BALANCES, "1"): False, (METERS, "2"): False})
    sensor.found({(BALANCES, "1"): True, (BALANCES, "3"): False})
    assert sensor.tick() == "1 new messages, 0 undelivered."
    assert heard(hook) == [({(METERS, "2"), (BALANCES, "3")}, set())]
    assert hook.received[0]["run_id"] == "before alerts were turned on"


@pytest.mark.slow
def test_what_was_found_before_a_rollback_is_no_tenants(hook: Hook, sensor: Sensor) -> None:
    sensor.cursor = None
    sensor.found({(BALANCES, "1"): False, (BALANCES, "2"): False})
    forget_materializations(sensor.instance, map(guarded_step, Group), "1")
    sensor.tick()
    assert heard(hook) == [({(BALANCES, "2")}, set())]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["rolled back", "gone"])
def test_of_a_tenant_that_was_rolled_back_or_is_gone_nothing_is_known_to_be_failing(
    how: str, hook: Hook, sensor: Sensor
) -> None:
    sensor.found({(BALANCES, "1"): False, (BALANCES, "2"): False})
    sensor.tick()
    if how == "rolled back":
        forget_materializations(sensor.instance, map(guarded_step, Group), "1")
    else:
        sensor.instance.delete_dynamic_partition(str(TENANTS.name), "1")
        sensor.found({(BALANCES, "2"): False})
    assert sensor.tick() == "0 new messages, 0 undelivered."
    sensor.found({(BALANCES, "1"): False, (BALANCES, "2"): False})
    sensor.tick()
    assert heard(hook)[1:] == [({(BALANCES, "1")}, set())]


@pytest.mark.slow
@pytest.mark.parametrize("later", [1, 9], ids=["fewer results since", "more results since"])
def test_news_are_found_after_the_newest_run_was_deleted(later: int, hook: Hook, sensor: Sensor) -> None:
    """In files, its results' places in the log are those of later ones."""
    sensor.found({(BALANCES, "1"): False, (BALANCES, "2"): False})
    sensor.tick()
    newest = sensor.found({(BALANCES, tenant): True for tenant in "13456"})
    sensor.tick()
    sensor.instance.delete_run(newest)
    sensor.found({(METERS, str(tenant)): False for tenant in range(2, 2 + later)})
    assert sensor.tick() == sensor.tick().replace("0 new", "1 new")
    assert heard(hook)[2:] == [({(METERS, str(tenant)) for tenant in range(2, 2 + later)}, set())]


@pytest.mark.slow
def test_nothing_is_read_beyond_what_may_still_be_under_way(
    hook: Hook, sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later place in the log may be seen before an earlier one, whose transaction still runs: both wait."""
    monkeypatch.setattr(sensor_module, "SETTLING", timedelta(minutes=10))
    for tenant in "123":
        sensor.found({(BALANCES, tenant): False})
    storage = sensor.instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        places = "SELECT evaluation_event_storage_id FROM asset_check_executions WHERE partition IN ('1', '3')"
        connection.execute(text(f"UPDATE event_logs SET timestamp = '2025-01-01 00:00:00' WHERE id IN ({places})"))
    assert sensor.tick() == "1 new messages, 0 undelivered."
    assert heard(hook) == [({(BALANCES, "1")}, set())]
    monkeypatch.setattr(sensor_module, "SETTLING", timedelta(0))
    assert sensor.tick() == "2 new messages, 0 undelivered."
    assert heard(hook)[1:] == [({(BALANCES, "2")}, set()), ({(BALANCES, "3")}, set())]


@pytest.mark.slow
def test_a_message_lists_some_of_many_and_says_where_the_rest_is(hook: Hook, sensor: Sensor) -> None:
    sensor.says = f"<!channel> & {'more ' * 1000}"
    sensor.found({(BALANCES, str(tenant)): False for tenant in range(1025)})
    sensor.tick()
    (message,) = hook.received
    assert message["text"].count("- tenant ") == 20
    assert message["text"].startswith("meter-assets: 1,025 checks newly failing\n")
    assert "- and 1,005 more; the checks in the Dagster UI have them all" in message["text"]
    assert (len(message["newly_failing"]), message["newly_failing_count"]) == (20, 1025)
    assert {len(news["says"]) for news in message["newly_failing"]} == {800}
    assert len(json.dumps(message)) < 40_000


@pytest.mark.slow
def test_what_data_says_is_one_line_without_markup_or_links(hook: Hook, mailbox: Mailbox, sensor: Sensor) -> None:
    foreign = (
        "meter <!channel> & <https://evil.example|pay here> ![x](http://127.0.0.1/graphql) [y][z] www.evil.example "
        "someone@evil.example @here\r\nSubject: forged\n\nRecovered:\n- tenant 1, all: well\x1b[2J\u202e"
    )
    sensor.says = f"1 row violates this invariant. For example name {foreign}"
    run_id = sensor.found({(BALANCES, "1"): False})
    sensor.tick()
    (message,), mail = hook.received, mailbox.received[0]
    mailed = mail.get_content()
    assert (mail.get_content_type(), mail.keys().count("Subject"), mail.is_multipart()) == ("text/plain", 1, False)
    for text_of, lines in ((message["text"], message["text"].split("\n")), (mailed, mailed.rstrip().splitlines())):
        assert [line.partition(" row ")[0] for line in lines] == [
            "meter-assets: 1 check newly failing",
            "",
            "Newly failing:",
            f"- tenant 1, {BALANCES}: 1",
            "",
            f"Run {run_id}",
        ]
        for found in ("://", "](", "![", "www.", "@e", "@h", "][", "\x1b", "\u202e"):
            assert found not in text_of, found
    assert "meter &lt;!channel&gt; &amp;\u200b &lt;https:\u200b//evil.example|pay here&gt;" in message["text"]
    assert "meter <!channel> &\u200b <https:\u200b//evil.example|pay here>" in mailed
    assert message["newly_failing"][0]["says"] == visible(sensor.says)
    settings = ("mrkdwn", "link_names", "unfurl_links", "unfurl_media")
    assert [message[name] for name in settings] == [False] * 4
    assert message["parse"] == "none"


# What all of it is for


def assert_one_of_many_is_found_and_told(watch: Watch, hook: Hook, tenants: int) -> None:
    sensor = Sensor(watch.instance)
    assert watch.told(watch.run())["tenants_judged"] == tenants
    assert sensor.tick() == "0 new messages, 0 undelivered."
    meter = overwrite_a_balance(watch.database, 42)
    for _ in range(2):
        assert watch.told(watch.run())["tenants_failing"] == 1
        sensor.tick()
    statuses = watch.statuses()
    assert set(statuses) == {str(number) for number in range(1, tenants + 1)}
    assert {key for key, found in statuses.items() if set(found.values()) != {"SUCCEEDED"}} == {"42"}
    (message,) = hook.received
    assert {news["tenant"] for news in message["newly_failing"]} == {"42"}
    assert f"meter {meter} itself was updated" in message["text"]
    assert message["database"] == watch.database.url
    assert {news["tenant_name"] for news in message["newly_failing"]} == {watch.database.tenants(["42"])[0].name}

    migrate(watch.database, 42, run_id="fixed")
    watch.run(full=False)
    sensor.tick()
    sensor.tick()
    assert set(watch.status("42").values()) == {"SUCCEEDED"}
    assert len(hook.received) == 2
    assert heard(hook)[1] == (set(), heard(hook)[0][0])


@pytest.mark.slow
def test_one_broken_tenant_of_a_hundred_is_named_once_and_its_recovery_too(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor_module, "SETTLING", timedelta(0))
    database = BillingDatabase(f"sqlite:///{tmp_path / 'billing.db'}")
    (tmp_path / "billing.db").touch()
    make_migrated_tenants(database, DemoSize(100, 1, 2))
    with instance_in(tmp_path / "dagster") as instance:
        assert_one_of_many_is_found_and_told(Watch(instance, database), hook, 100)


@pytest.mark.slow
@pytest.mark.thorough
def test_also_with_both_databases_in_postgresql(
    hook: Hook, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(sensor_module, "SETTLING", timedelta(0))
    database = BillingDatabase(postgres_url)
    make_migrated_tenants(database, DemoSize(50, 1, 2))
    with request.getfixturevalue("postgres_server").database() as dagsters_url:
        monkeypatch.setenv(POSTGRES_URL_VARIABLE, dagsters_url)
        with instance_in(tmp_path / "dagster") as instance:
            assert_one_of_many_is_found_and_told(Watch(instance, database), hook, 50)
