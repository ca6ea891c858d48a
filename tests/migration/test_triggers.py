"""Triggers and rules on the written tables: told before, found out after every write, in batches too.

The base is one customer whose meter owes 70 (`small_billing`). Each case has triggers for each engine, the command's
end, and what it says; a run that is refused leaves no row changed.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, command_line_in
from tests.support.engines import on_engines
from tests.support.small_billing import SmallBilling

MIGRATE = ("migrate-meter-financials", "--yes")
IN_BATCHES = {
    "a trigger that alters a written value",
    "a trigger that keeps the balances of customers",
    "a trigger that moves money between rows, whose sum stays",
}
"""The cases that are tried in batches by default; the others differ less there."""
MONEY = (
    "SELECT 'meter', balance, overpayment FROM meters UNION ALL SELECT 'invoice', total_amount, amount FROM invoices "
    "UNION ALL SELECT 'payment', amount, meter_id FROM payments ORDER BY 1, 2"
)


def function(name: str, body: str) -> str:
    """Return the statement of PostgreSQL that creates a trigger function."""
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


@dataclass(frozen=True)
class Case:
    """Statements of each engine that has such triggers, what is said, and whether the run succeeds all the same."""

    postgresql: tuple[str, ...]
    said: tuple[str, ...]
    sqlite: tuple[str, ...] = ()
    mysql: tuple[str, ...] = ()
    """If they are not those of SQLite."""
    status: int = 1
    leaves: dict[str, object] = field(default_factory=dict)
    """What statements find after the run."""

    def on(self, engine: str) -> tuple[str, ...]:
        """Return the statements of an engine; none if it has no such triggers."""
        return {"postgresql": self.postgresql, "sqlite": self.sqlite, "mysql": self.mysql or self.sqlite}[engine]


CASES = {
    "a trigger that skips our write": Case(
        (
            function("skip", "RETURN NULL;"),
            "CREATE TRIGGER skip BEFORE UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION skip()",
        ),
        (
            "1 rows of meters were kept from being written, by a trigger or a rule of the database: skip of meters "
            "(BEFORE UPDATE, each row)",
            "ALTER TABLE meters DISABLE TRIGGER",
        ),
    ),
    "a trigger that skips some writes of invoices": Case(
        (
            function("skip", "IF NEW.id = 51 THEN RETURN NULL; END IF; RETURN NEW;"),
            "CREATE TRIGGER skip BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION skip()",
        ),
        ("1 rows of invoices were kept from being written", "expected_amount 100.00, found_amount 90.00"),
    ),
    "a rule that replaces our write": Case(
        ("CREATE RULE none AS ON UPDATE TO meters DO INSTEAD NOTHING",),
        ("1 rows of meters were kept from being written", "none of meters (rule DO INSTEAD of UPDATE)"),
    ),
    "a trigger that alters a written value": Case(
        (
            function("alter_it", "NEW.balance := NEW.balance + 1; RETURN NEW;"),
            "CREATE TRIGGER alter_it BEFORE UPDATE OF balance ON meters FOR EACH ROW EXECUTE FUNCTION alter_it()",
        ),
        ("1 rows of meters were altered when they were written", "expected_balance 70.00, found_balance 71.00"),
        sqlite=(
            "CREATE TRIGGER alter_it AFTER UPDATE OF balance ON meters FOR EACH ROW BEGIN UPDATE meters "
            "SET balance = balance + 1 WHERE id = NEW.id; END",
        ),
        mysql=("CREATE TRIGGER alter_it BEFORE UPDATE ON meters FOR EACH ROW SET NEW.balance = NEW.balance + 1",),
    ),
    "a trigger that alters the meter of a payment": Case(
        (
            "INSERT INTO meters SELECT 22, 0, 0, 1, 'M-22', 'open', 0, 0",
            function("alter_it", "NEW.meter_id := 22; RETURN NEW;"),
            "CREATE TRIGGER alter_it BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION alter_it()",
        ),
        ("rows of payments were altered when they were written", "expected_meter_id 21, found_meter_id 22"),
        sqlite=(
            "INSERT INTO meters (id, balance, overpayment, tenant_id, meter_number) VALUES (22, 0, 0, 1, 'M-22')",
            "CREATE TRIGGER alter_it AFTER UPDATE ON payments FOR EACH ROW BEGIN UPDATE payments SET meter_id = 22 "
            "WHERE id = NEW.id; END",
        ),
        mysql=(
            "INSERT INTO meters (id, balance, overpayment, tenant_id, meter_number) VALUES (22, 0, 0, 1, 'M-22')",
            "CREATE TRIGGER alter_it BEFORE UPDATE ON payments FOR EACH ROW SET NEW.meter_id = 22",
        ),
    ),
    "a trigger that changes another billing table": Case(
        (
            function("cascade", "UPDATE invoices SET total_amount = total_amount + 5; RETURN NEW;"),
            "CREATE TRIGGER cascade AFTER UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION cascade()",
        ),
        (
            "writing meters also changed invoices.total_amount (sum 100.00 before, 105.00 after)",
            "no rollback would restore them",
        ),
        sqlite=(
            'CREATE TRIGGER "cascade" AFTER UPDATE ON meters FOR EACH ROW BEGIN UPDATE invoices '
            "SET total_amount = total_amount + 5; END",
        ),
    ),
    "a trigger that moves money between rows, whose sum stays": Case(
        (
            "INSERT INTO invoices (id, tenant_id, amount) VALUES (59, 2, 0)",
            "UPDATE payments SET amount = 15",
            function(
                "cascade", "UPDATE payments SET amount = amount + CASE id WHEN 71 THEN 1 ELSE -1 END; RETURN NEW;"
            ),
            "CREATE TRIGGER cascade AFTER UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION cascade()",
        ),
        ("writing meters also changed payments.amount (sum 30.00 before, 30.00 after)",),
    ),
    "a trigger that keeps the balances of customers": Case(
        (
            function("keep", "UPDATE customers SET balance = NEW.balance WHERE tenant_id = NEW.tenant_id; RETURN NEW;"),
            "CREATE TRIGGER keep AFTER UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION keep()",
        ),
        (
            "Trigger that will fire: keep of meters (AFTER UPDATE, each row)",
            "The triggers of meters changed customers.balance. The table customer_balances_backup has the former",
        ),
        sqlite=(
            "CREATE TRIGGER keep AFTER UPDATE ON meters FOR EACH ROW BEGIN UPDATE customers SET balance = NEW.balance "
            "WHERE tenant_id = NEW.tenant_id; END",
        ),
        status=0,
        leaves={
            "SELECT balance FROM customers": 70,
            "SELECT balance FROM customer_balances_backup": 60,
            "SELECT balance FROM meters": 70,
        },
    ),
    "a trigger that writes the time of a change": Case(
        (
            "ALTER TABLE meters ADD updated_at TIMESTAMP",
            function("touch", "NEW.updated_at := now(); RETURN NEW;"),
            "CREATE TRIGGER touch BEFORE UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION touch()",
        ),
        ("Trigger that will fire: touch of meters (",),
        sqlite=(
            "ALTER TABLE meters ADD updated_at TIMESTAMP",
            "CREATE TRIGGER touch AFTER UPDATE ON meters FOR EACH ROW BEGIN UPDATE meters SET updated_at = "
            "'2024-01-01' WHERE id = NEW.id; END",
        ),
        mysql=(
            "ALTER TABLE meters ADD updated_at DATETIME",
            "CREATE TRIGGER touch BEFORE UPDATE ON meters FOR EACH ROW SET NEW.updated_at = NOW()",
        ),
        status=0,
        leaves={"SELECT balance FROM meters": 70},
    ),
    "a trigger of another column": Case(
        (
            function("refuse", "RAISE EXCEPTION 'no';"),
            "CREATE TRIGGER refuse BEFORE UPDATE OF status ON meters FOR EACH ROW EXECUTE FUNCTION refuse()",
        ),
        ("1 of 1 tenants done",),
        status=0,
    ),
    "a trigger of a partition": Case(
        (
            "ALTER TABLE meters RENAME TO old",
            "CREATE TABLE meters (LIKE old) PARTITION BY HASH (id)",
            "CREATE TABLE part PARTITION OF meters FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            "INSERT INTO meters SELECT * FROM old",
            function("alter_it", "NEW.balance := NEW.balance + 1; RETURN NEW;"),
            "CREATE TRIGGER alter_it BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION alter_it()",
        ),
        ("alter_it of meters (BEFORE UPDATE, each row, of part)", "rows of meters were altered"),
    ),
}


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on a small billing database."""
    made = command_line_in(tmp_path, billing_url, monkeypatch)
    made.change(*SmallBilling().statements())
    return made


def _engines(case: Case) -> tuple[str, ...]:
    return tuple(name for name in ("postgresql", "sqlite", "mysql") if case.on(name))


@pytest.mark.by_default("postgresql")
@pytest.mark.slow
@pytest.mark.parametrize(("case", "engine_name"), on_engines(CASES, _engines))
def test_what_a_trigger_does_to_a_run_is_told(shell: CommandLine, engine_name: str, case: Case) -> None:
    assert_told(shell, engine_name, case, ())


@pytest.mark.by_default("postgresql")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "engine_name"), on_engines(CASES, _engines, thorough=lambda name, engine: name not in IN_BATCHES)
)
def test_what_a_trigger_does_to_batches_is_told(shell: CommandLine, engine_name: str, case: Case) -> None:
    assert_told(shell, engine_name, case, ("--batch-size", "1"))


def assert_told(shell: CommandLine, engine_name: str, case: Case, options: tuple[str, ...]) -> None:
    made = case.on(engine_name)
    shell.change(*(one.replace("%", "%%") for one in made))
    said = shell(*MIGRATE, *options)
    assert said.status == case.status, said.printed
    for words in case.said:
        assert words.replace(".00", "") in said.words.replace(".00", ""), said.printed
    for statement, expected in case.leaves.items():
        assert shell.rows(statement) == [(expected,)]
    if case.status:
        assert "other programs" not in said.words.lower()
        (balance,) = shell.rows("SELECT sum(balance) FROM meters")[0]
        assert balance == 0, "the step was rolled back"


@pytest.mark.slow
def test_a_preview_lists_the_triggers_and_what_a_rollback_leaves(shell: CommandLine, engine_name: str) -> None:
    keeps = CASES["a trigger that keeps the balances of customers"]
    shell.change(*(keeps.on(engine_name)))
    said = shell("migrate-meter-financials", "--dry-run")
    assert said.status == 0
    assert "Triggers that will fire" in said.words
    assert "keep of meters (AFTER UPDATE, each row)" in said.words
    assert "it restores no balance of customers that a trigger changed" in said.words
    assert shell(*MIGRATE).status == 0
    expected = "customers have another net balance than before the migration"
    dry = shell("rollback", "--dry-run")
    assert f"1 {expected}, perhaps by triggers: customer 11 (backed up 60.00, now 70.00)" in dry.words
    back = shell("rollback", "--yes")
    assert back.status == 0, back.printed
    assert "Trigger that will fire" in back.words
    assert f"1 {expected}" in back.words
    assert "customer 11 (backed up 60.00, now 0.00)" in back.words, "the trigger fired again"
