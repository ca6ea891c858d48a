"""The DataFrames: exact money whose sums are those of SQL, the types of columns, and frames in parts."""

import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import text

from bench.speed.data import Size, fill
from meter_assets import frames
from meter_assets.errors import InvalidSettings, NotInFrame, PyarrowMissing, UnknownRow, UnknownTenant
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.frames import columns as frame_columns
from meter_assets.reports.frames.columns import Kind, frame_of
from meter_assets.rules.steps import MIGRATION
from tests.support.command_line import make_small_tenants
from tests.support.databases import migrate, write
from tests.support.rollbacks import undo
from tests.support.small_billing import OWES, SmallBilling, as_uuid, uuid_of

FAULTS = (("brought_forward_inside_amount", 1), ("invoice_wrong_total", 1), ("customer_balance_disagrees", 1))
MONEY = pd.ArrowDtype(pa.decimal128(28, 4))
OF_MONEY = ("amount", "balance", "overpayment", "total", "_net", "difference")
SHARED = {"step", "table", "tenant_id", "row_id", "rule"}


@pytest.fixture
def database(billing_url: str) -> BillingDatabase:
    """Three small tenants on each engine, the first with invoices that step 3 corrects."""
    make_small_tenants(billing_url, *FAULTS)
    return BillingDatabase(billing_url)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> BillingDatabase:
    path = tmp_path / "billing.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}", *FAULTS)
    return BillingDatabase(f"sqlite:///{path}")


def in_sql(database: BillingDatabase, money: str, rows: str) -> Decimal:
    """Return the sum of money over some rows as the engine adds it up in whole cents."""
    with database.snapshot() as connection:
        cents = connection.scalar(text(f"SELECT COALESCE(SUM(ROUND(({money}) * 100)), 0) FROM {rows}"))
    return Decimal(int(cents)) / 100


def of_all(frame: pd.DataFrame, column: str) -> Decimal:
    """Return the sum of a column of money, 0 for no rows."""
    return Decimal(frame[column].sum())


def written(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what a plan and a journal have in common, in the order of the rows."""
    columns = [name for name in frame if name in SHARED or str(name).endswith(("_before", "_after"))]
    return frame[columns].sort_values("row_id", ignore_index=True)


@pytest.mark.every_engine
@pytest.mark.slow
def test_sums_and_rows_are_those_of_sql(database: BillingDatabase) -> None:
    """The plan is what the migration writes, and the journal what it has written; every sum equals that of SQL."""
    planned = frames.plan(database, 1)
    assert list(planned) == list(MIGRATION)
    assert all(len(frame) for frame in planned.values())
    promised = frames.verdicts(database, 1, planned=True).set_index("name")["violations"]
    foreseen = frames.differences(database, 1)
    before = {name: in_sql(database, name, "invoices WHERE tenant_id = 1") for name in ("amount", "total_amount")}
    migrate(database, 1)

    journaled = frames.journal(database, 1)
    for step, frame in planned.items():
        pd.testing.assert_frame_equal(written(frame), written(journaled[step]))
    for name, was in before.items():
        moved = planned["invoice_amounts"]
        change = of_all(moved, f"{name}_after") - of_all(moved, f"{name}_before")
        assert was + change == in_sql(database, name, "invoices WHERE tenant_id = 1")
        of_journal = journaled["invoice_amounts"]
        in_journal = in_sql(database, f"{name}_after", "meter_migration_invoice_amounts WHERE tenant_id = 1")
        assert of_all(of_journal, f"{name}_after") == in_journal
    backed_up = in_sql(database, "balance", "customer_balances_backup WHERE tenant_id = 1")
    assert of_all(journaled["customer_balances_backup"], "balance_after") == backed_up

    pd.testing.assert_series_equal(frames.verdicts(database, 1, planned=True).set_index("name")["violations"], promised)
    pd.testing.assert_series_equal(frames.verdicts(database, 1).set_index("name")["violations"], promised)
    owed = in_sql(database, "balance - overpayment", "meters WHERE tenant_id = 1")
    entries = frames.statement(database, 1)
    assert of_all(entries[entries["counted"]], "amount") == owed
    found = frames.differences(database, 1)
    old = in_sql(database, "balance - overpayment", "customer_balances_backup WHERE tenant_id = 1")
    assert of_all(found, "amount") == owed - old != 0
    assert set(foreseen["planned"]) == {True}
    assert set(found["planned"]) == {False}
    columns = [name for name in found if name != "planned"]
    pd.testing.assert_frame_equal(found[columns], foreseen[columns])

    again = frames.plan(database, 1)
    assert {step: len(frame) for step, frame in again.items()} == dict.fromkeys(MIGRATION, 0)
    assert [*map(str, again["invoice_amounts"].dtypes)] == [*map(str, planned["invoice_amounts"].dtypes)]


def every_frame(database: BillingDatabase) -> Iterator[pd.DataFrame]:
    yield from frames.plan(database, 1).values()
    yield from frames.journal(database, 1).values()
    yield frames.verdicts(database, 1)
    yield frames.differences(database, 1)
    yield frames.statement(database, 1)


@pytest.mark.slow
def test_money_is_decimal_and_no_column_is_a_float(on_sqlite: BillingDatabase) -> None:
    migrate(on_sqlite, 1)
    found = list(every_frame(on_sqlite))
    assert len(found) >= 8
    for frame in found:
        for name, kind in frame.dtypes.items():
            assert isinstance(kind, pd.ArrowDtype), name
            assert not pa.types.is_floating(kind.pyarrow_dtype), name
            is_money = any(
                word in str(name) for word in ("amount", "balance", "overpayment", "total", "_net", "difference")
            )
            assert (kind == MONEY) == is_money, name
    dates = frames.journal(on_sqlite, 1)["meter_balances"].dtypes
    assert dates["last_invoice_date_after"] == pd.ArrowDtype(pa.date32())
    assert dates["started_at"] == pd.ArrowDtype(pa.timestamp("us", tz="UTC"))
    entries = frames.statement(on_sqlite, 1)
    assert {entries[name].dtype for name in ("meter_id", "row_id", "customer_id")} == {pd.ArrowDtype(pa.int64())}


CHUNKED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "plan": (frames.plan, frames.plan_chunks),
    "journal": (frames.journal, frames.journal_chunks),
    "verdicts": (frames.verdicts, frames.verdicts_chunks),
    "differences": (frames.differences, frames.differences_chunks),
    "statement": (frames.statement, frames.statement_chunks),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHUNKED)
def test_parts_together_are_the_whole(name: str, on_sqlite: BillingDatabase) -> None:
    if name == "journal":
        migrate(on_sqlite, 1)
    whole, chunks = CHUNKED[name]
    parts = list(chunks(on_sqlite, 1, rows_at_a_time=3))
    one = whole(on_sqlite, 1)
    if isinstance(one, dict):
        lengths = [len(frame) for _, frame in parts]
        for step, frame in one.items():
            together = pd.concat([part for of, part in parts if of == step], ignore_index=True)
            pd.testing.assert_frame_equal(together, frame)
    else:
        lengths = [len(frame) for frame in parts]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), one)
    assert max(lengths) <= 3
    with pytest.raises(InvalidSettings, match="rows_at_a_time is 0"):
        chunks(on_sqlite, 1, rows_at_a_time=0)


@pytest.mark.slow
def test_what_was_rolled_back_is_not_in_force(on_sqlite: BillingDatabase) -> None:
    migrate(on_sqlite, 1)
    changed = len(frames.journal(on_sqlite, 1, only_in_force=True)["meter_balances"])
    assert undo(on_sqlite, "back").restored
    every = frames.journal(on_sqlite, 1)["meter_balances"]
    assert every["is_rollback"].tolist() == [False] * changed + [True] * changed
    assert not every["in_force"].any()
    current = frames.journal(on_sqlite, 1, only_in_force=True)
    assert all(frame.empty for frame in current.values())
    assert list(current["meter_balances"]) == list(every)
    first, back = every[~every["is_rollback"]], every[every["is_rollback"]]
    assert first["balance_before"].tolist() == back["balance_after"].tolist()
    assert set(back["run_id"]) == {"back"}


@pytest.mark.slow
def test_one_meter_until_a_day_and_texts_as_ids(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    path.touch()
    database = BillingDatabase(f"sqlite:///{path}")
    write(database, *SmallBilling(ids="CHAR(36)", literal=as_uuid).statements())
    key = uuid_of(1)
    meter = frames.plan(database, key)["meter_balances"]
    assert meter["balance_after"].tolist() == [Decimal(OWES)]
    assert meter["row_id"].dtype == pd.ArrowDtype(pa.string())
    assert frames.journal(database, key) == {}
    migrate_all = frames.plan(database, key)["payment_meter_ids"]
    assert migrate_all["meter_id_after"].isna().sum() == 0
    assert migrate_all["meter_id_before"].isna().all()
    entries = frames.statement(database, key, "M-21")
    assert entries["kind"].tolist() == ["invoice"]
    (day,) = entries["on_day"]
    for until in (day, day.isoformat(), pd.Timestamp(day) + pd.Timedelta(hours=7)):
        pd.testing.assert_frame_equal(frames.statement(database, key, "M-21", as_of=until), entries)
    assert frames.statement(database, key, "M-21", as_of="1999-12-31").empty
    with pytest.raises(InvalidSettings, match="as_of is 31.3.2024; expected a day such as"):
        frames.statement(database, key, "M-21", as_of="31.3.2024")
    with pytest.raises(InvalidSettings, match="There is no step invoices; the steps are customer_balances_backup, "):
        frames.plan(database, key, steps=("invoices",))
    with pytest.raises(UnknownRow, match="no meter M-22"):
        frames.statement(database, key, "M-22")
    with pytest.raises(UnknownTenant):
        frames.verdicts(database, "7")


@pytest.mark.slow
def test_the_url_and_the_policy_are_those_of_the_settings(
    on_sqlite: BillingDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[policy]\nbalance_basis = "invoice_totals"\n')
    usual = frames.plan(on_sqlite, 1)["meter_balances"]
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", f"sqlite:///{on_sqlite.file}")
    monkeypatch.setenv("METER_ASSETS_CONFIG", str(policy))
    by_totals = frames.plan(None, "1")["meter_balances"]
    pd.testing.assert_frame_equal(frames.plan(f"sqlite:///{on_sqlite.file}", 1)["meter_balances"], by_totals)
    assert of_all(by_totals, "total_billed_after") > of_all(usual, "total_billed_after")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.money, Decimal("1.00001"), "an amount with at most 4 decimals"),
        (Kind.money, Decimal("NaN"), "an amount with at most 4 decimals"),
        (Kind.money, 1.5, "an amount with at most 4 decimals"),
        (Kind.number, 2**63, "a whole number of at most 63 bits"),
        (Kind.day, "31.01.2024", "a date"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(kind: Kind, value: object, expected: str) -> None:
    with pytest.raises(NotInFrame, match=f"of amount cannot be in a DataFrame: expected {expected}"):
        frame_of({"amount": kind}, [(None,), (value,)])


def test_without_pyarrow_a_sentence_says_what_to_install(
    on_sqlite: BillingDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_columns, "find_spec", lambda name: None)
    for whole, _ in CHUNKED.values():
        with pytest.raises(PyarrowMissing, match=r"pip install 'meter-assets\[frames\]'"):
            whole(on_sqlite, 1)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_million_rows_add_up_to_the_cent_in_little_memory(billing_url: str) -> None:
    """Reading the plan in parts needs no more memory for many rows; its sums are those of what is then written."""
    database = BillingDatabase(billing_url)
    if database.engine.dialect.name == "mysql":
        pytest.skip("the generator of large databases knows SQLite and PostgreSQL")
    with database.transaction() as connection:
        fill(connection, Size(payments=1_000_000, tenants=1))
    sums = SimpleNamespace(rows=0, moved=Decimal(0), owed=Decimal(0))
    tracemalloc.start()
    for step, frame in frames.plan_chunks(database, 1):
        sums.rows += len(frame)
        if step == "invoice_amounts":
            sums.moved += of_all(frame, "total_amount_after") - of_all(frame, "total_amount_before")
        if step == "meter_balances":
            sums.owed += of_all(frame, "balance_after") - of_all(frame, "overpayment_after")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sums.rows > 1_000_000
    assert most < 500_000_000
    before = in_sql(database, "total_amount", "invoices")
    migrate(database, 1)
    assert before + sums.moved == in_sql(database, "total_amount", "invoices")
    assert sums.owed == in_sql(database, "balance - overpayment", "meters")
