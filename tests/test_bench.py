"""The benchmark runs, at a tiny size: what is written by hand there writes what a migration writes."""

from pathlib import Path

import pytest

from bench.speed.__main__ import ROWS, run, table, write_into_readme
from bench.speed.data import SIZES
from bench.speed.places import Place, Postgresql, Sqlite


@pytest.mark.slow
def test_the_benchmark_measures_every_row_of_its_table(
    engine_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place: Place = Sqlite(tmp_path)
    if engine_name == "postgresql":
        place = Postgresql(request.getfixturevalue("postgres_url"))
    lines = table(run(place, SIZES["tiny"], 1), "tiny", 1)
    names = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]
    assert names == [name.strip() for name, _, _ in ROWS]


def test_the_table_replaces_that_of_its_engine_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.speed.__main__.ROOT", tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text(
        "Before.\n<!-- figures: SQLite -->\nold\n<!-- end of figures: SQLite -->\n"
        "<!-- figures: PostgreSQL -->\nkept\n<!-- end of figures: PostgreSQL -->\n"
    )
    write_into_readme(["new"], "SQLite")
    assert readme.read_text() == (
        "Before.\n<!-- figures: SQLite -->\n\nnew\n\n<!-- end of figures: SQLite -->\n"
        "<!-- figures: PostgreSQL -->\nkept\n<!-- end of figures: PostgreSQL -->\n"
    )
