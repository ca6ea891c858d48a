"""How many statements a whole run of one tenant sends: tenants and schema are read once, the rest is bounded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support.command_line import ALSO_HEALTHY, HEALTHY, CommandLine, make_small_tenants

MOST = {"sqlite": 245, "postgresql": 230, "mysql": 295}  # there, the schema is read table by table
"""A fifth of them make temporary tables."""
STEPS = 4


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    make_small_tenants(billing_url)
    return CommandLine(tmp_path, billing_url)


@contextmanager
def statements_of(shell: CommandLine) -> Iterator[list[str]]:
    """Collect what is sent to the billing database, also to look at its tables, and how transactions start."""
    sent: list[str] = []
    ours = (shell.database.engine, shell.database.reader)

    def collect(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        if connection.engine in ours:
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", collect)


@pytest.mark.every_engine
@pytest.mark.slow
def test_a_whole_run_of_one_tenant_sends_few_statements(shell: CommandLine, engine_name: str) -> None:
    """The first run, which creates our own tables, one of another tenant, and one that changes nothing."""
    for tenant in (HEALTHY, ALSO_HEALTHY, HEALTHY):
        with statements_of(shell) as sent:
            assert shell("migrate-meter-financials", "--tenant", tenant, "--yes").status == 0
        assert sum("INSERT INTO meter_migration_runs" in one for one in sent) == STEPS
        assert len(sent) < MOST[engine_name], tenant
        assert sum("FROM tenants" in one for one in sent) == 1, "all tenants are read once"


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_tenant_that_is_created_meanwhile_is_seen_by_the_next_run(shell: CommandLine) -> None:
    assert shell("migrate-meter-financials", "--tenant", HEALTHY, "--yes").status == 0
    shell.change("INSERT INTO tenants (id, name) VALUES (77, 'New')")
    assert shell("migrate-meter-financials", "--tenant", "77", "--yes").status == 0
