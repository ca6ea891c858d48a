"""Roles on PostgreSQL with just the rights that `grants` prints for a mapped database, and those that it names."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from meter_assets.errors import NotWritable
from tests.support.command_line import CommandLine, command_line_in
from tests.support.example_databases import FOLDER, database_file, load

READ_BY_SELECTS = {"quoted_names": (), "cents": (), "no_lines": ("meters",), "one_utility": ("devices",)}
"""The tables that SELECTs of an example's mapping read, which `grants` cannot know."""
PURPOSES = ("migrate", "rollback")


@pytest.fixture
def owner(example: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line as the owner of an example's tables."""
    file = database_file(FOLDER / example, "postgresql")
    assert file is not None
    load(postgres_url, file)
    monkeypatch.setenv("METER_ASSETS_CONFIG", str(FOLDER / example / "mapping.toml"))
    return command_line_in(tmp_path, postgres_url, monkeypatch)


@pytest.fixture
def roles(example: str, owner: CommandLine) -> Iterator[dict[str, CommandLine]]:
    """The command line as a role for each purpose."""
    names = {purpose: f"{purpose}_{uuid4().hex[:8]}" for purpose in PURPOSES}
    for purpose, name in names.items():
        owner.change(f"CREATE ROLE {name} LOGIN")
        printed = owner("grants", purpose, name)
        assert printed.status == 0, printed.printed
        assert ("-- Grant SELECT also on" in printed.printed) == bool(READ_BY_SELECTS[example])
        owner.change(printed.printed.replace("%", "%%"))
        owner.change(*(f"GRANT SELECT ON {table} TO {name}" for table in READ_BY_SELECTS[example]))
    yield {
        purpose: CommandLine(owner.folder, make_url(owner.url).set(username=name).render_as_string(hide_password=False))
        for purpose, name in names.items()
    }
    for name in names.values():
        owner.change(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.parametrize("example", READ_BY_SELECTS)
def test_a_role_with_the_printed_rights_can_do_its_work_and_no_more(roles: dict[str, CommandLine]) -> None:
    migrate, rollback = (roles[purpose] for purpose in PURPOSES)
    for role, command in (
        (migrate, ("migrate-meter-financials", "--dry-run")),
        (migrate, ("migrate-meter-financials", "--yes")),
        (migrate, ("validate-meter-financial-data",)),
        (rollback, ("rollback", "--yes")),
    ):
        ended = role(*command)
        assert ended.status == 0, ended.printed
    with pytest.raises(NotWritable, match="permission denied"):
        migrate.change("DELETE FROM meter_migration_runs")
