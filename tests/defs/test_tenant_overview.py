"""The asset tenant_overview and the check preview_would_succeed, as Dagster stores them."""

from pathlib import Path

import dagster as dg
import pytest

from meter_assets.cli.runner import QUIET
from meter_assets.components.migration import MeterMigration
from meter_assets.definitions import build_definitions
from meter_assets.defs.migration_preview import CHECK
from tests.support.command_line import BROKEN, HEALTHY, CommandLine, on_small_tenants


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on SQLite, where tenant 3 has a payment that no meter can be given."""
    path = tmp_path / "billing.db"
    path.touch()
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", f"sqlite:///{path}")
    return on_small_tenants(tmp_path / "workplace", f"sqlite:///{path}", monkeypatch, ("orphan_payment", int(BROKEN)))


@pytest.mark.slow
def test_the_overview_is_materialized_by_hand_and_by_the_watching(shell: CommandLine) -> None:
    assert shell("migrate-meter-financials", "--dry-run", "--tenant", BROKEN).status == 1
    assert shell("migrate-meter-financials", "--yes", "--tenant", HEALTHY, "--tenant", BROKEN).status == 1
    before = shell.rows("SELECT count(*) FROM meter_migration_runs")
    definitions = build_definitions()
    by_hand = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={dg.AssetKey("tenant_overview")}
    )
    with shell.instance() as instance:
        for job in (by_hand, definitions.resolve_job_def("watch_migrated_tenants")):
            assert job.execute_in_process(run_config=QUIET, instance=instance).success
            (made,) = instance.fetch_materializations(dg.AssetKey("tenant_overview"), limit=1).records
            said = made.asset_materialization
            assert said is not None
            found = {name: one.value for name, one in said.metadata.items()}
            assert found["summary"] == "3 tenants: 1 blocked, 1 not begun, 1 migrated"
            assert (found["tenants_in_all"], found["tenants_blocked"], found["tenants_drifted"]) == (3, 1, 0)
            table = said.metadata["tenants"]
            assert isinstance(table, dg.TableMetadataValue)
            assert str(table.records[0].data["tenant"]).startswith(BROKEN), "those that need attention come first"
            assert instance.get_run_by_id(str(found[f"last_run_of_{BROKEN}"])) is not None
        key = dg.AssetCheckKey(dg.AssetKey("migration_preview"), CHECK)
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert (record.partition, record.status.value) == (BROKEN, "FAILED")
    assert record.event is not None
    evaluation = record.event.get_dagster_event().asset_check_evaluation_data
    assert "every_counted_payment_has_a_meter (1)" in str(evaluation.description)
    assert shell.rows("SELECT count(*) FROM meter_migration_runs") == before, "nothing is written"


def test_a_named_database_has_its_own_overview_and_check() -> None:
    component = MeterMigration(url="sqlite:////nowhere.db", name="north")
    found = component.build_defs(None)  # type: ignore[arg-type]
    keys = {key.to_user_string() for key in found.resolve_asset_graph().materializable_asset_keys}
    assert "north/tenant_overview" in keys
    checks = {key.name for key in found.resolve_asset_graph().asset_check_keys if "north" in key.asset_key.path}
    assert CHECK in checks
