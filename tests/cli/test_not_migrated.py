"""Validation of a tenant that is not migrated yet says so first, and its advice fits."""

from pathlib import Path

import pytest

from tests.support.command_line import HEALTHY, CommandLine, on_small_tenants

OF_THIS = ("--tenant", HEALTHY)
VALIDATE = ("validate-meter-financial-data", *OF_THIS)
EARLY = "Not migrated yet. These ERRORs are expected before the migration:"
REMEDY = "If its invoices and payments are right, materialize meter_balances"


@pytest.mark.slow
def test_what_only_the_migration_makes_true_is_expected_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "billing.db").touch()
    shell: CommandLine = on_small_tenants(tmp_path, f"sqlite:///{tmp_path}/billing.db", monkeypatch)
    shell.change(
        f"UPDATE invoices SET meter_id = NULL WHERE id = (SELECT min(id) FROM invoices WHERE tenant_id = {HEALTHY})"
    )

    before = shell(*VALIDATE)
    assert before.status == 1
    assert EARLY in before.words
    for name, step in {
        "every_customer_has_a_backup": "customer_balances_backup",
        "every_counted_payment_has_a_meter": "payment_meter_ids",
        "every_meter_balance_equals_its_transactions": "meter_balances",
        "money_is_conserved": "meter_balances",
    }.items():
        assert f"{name}: " in before.words
        assert f"{step} corrects such rows" in before.words
    assert f"migrate-meter-financials --dry-run --tenant {HEALTHY}" in before.words
    assert f"Not migrated yet: {HEALTHY}." in before.words
    assert REMEDY not in before.words
    assert "ERROR every_counted_invoice_has_a_meter: 1 violation." in before.words, "no step corrects it"

    shell.change(
        f"UPDATE invoices SET meter_id = (SELECT min(id) FROM meters WHERE tenant_id = {HEALTHY})"
        " WHERE meter_id IS NULL"
    )
    assert shell("migrate-meter-financials", "--yes", *OF_THIS).status == 0
    assert shell(*VALIDATE).status == 0
    shell.change(f"UPDATE meters SET balance = balance + 1 WHERE tenant_id = {HEALTHY}")
    drifted = shell(*VALIDATE)
    assert drifted.status == 1
    assert REMEDY in drifted.words
    assert "Not migrated yet" not in drifted.words

    shell.change(f"UPDATE meters SET balance = balance - 1 WHERE tenant_id = {HEALTHY}")
    assert shell("rollback", "--yes", *OF_THIS).status == 0
    assert EARLY in shell(*VALIDATE).words
