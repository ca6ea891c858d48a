"""Amounts that are no numbers for us: no command of evidence ends with an error of Python, or shows another amount.

PostgreSQL can store NaN. On SQLite, an amount of 225 billion or more is not exact, and reads as NaN.
"""

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("explain", "1", "--tenant", "1", "--by", "id"),
    ("explain", "--customer", "1", "--by", "id", "--tenant", "1", "--json"),
    ("differences", "--tenant", "1"),
    ("differences", "--tenant", "1", "--json"),
    ("compare-policies", "--tenant", "1"),
    ("review", "list", "--tenant", "1"),
    ("verify", "--tenant", "1"),
    ("statements", "--tenant", "1", "--out", "statements", "--adjustments", "adjustments.csv"),
    ("report", "--tenant", "1", "--out", "report.html"),
    ("report", "--tenant", "1", "--out", "report.xlsx"),
)
FILES = {"statements", "adjustments.csv", "report.html", "report.xlsx"}
PLACES = {
    "a payment": "UPDATE payments SET amount = 'NaN', meter_id = 1 WHERE tenant_id = 1 AND customer_id = 1",
    "a customer's balance": "UPDATE customers SET balance = 'NaN' WHERE id = 1",
    "a meter's balance": "UPDATE meters SET balance = 'NaN' WHERE id = 1",
    "an invoice": "UPDATE invoices SET amount = 'NaN', total_amount = 'NaN' WHERE tenant_id = 1 AND customer_id = 1",
}


@pytest.mark.every_engine
@pytest.mark.slow
def test_every_command_says_what_it_can(shell: CommandLine, tmp_path: Path, engine_name: str) -> None:
    """The status is 0, or 1 with a sentence: the amount itself is an ERROR of its own check."""
    if engine_name == "mysql":
        pytest.skip("it keeps nothing but exact numbers in a column of money")
    value = {"postgresql": "'NaN'", "sqlite": "1000000000000000.01"}[engine_name]
    for name, statement in PLACES.items():
        shell.change(statement.replace("'NaN'", value))
        for at, words in enumerate(COMMANDS):
            folder = tmp_path / f"{name} {at}"
            folder.mkdir()
            placed = [words[0], *(str(folder / one) if one in FILES else one for one in words[1:])]
            ended = shell(*placed)
            assert ended.status in (0, 1), (name, words, ended.printed)
            assert "Traceback" not in ended.printed
            written = [one.read_text() for one in folder.rglob("*.*") if one.is_file() and one.suffix != ".xlsx"]
            for text in (ended.printed, *written):
                assert "225179981368" not in text.replace(",", ""), (name, words)
