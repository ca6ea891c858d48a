"""What is stored in Dagster's event log in a shorter form than its own."""

from pathlib import Path
from typing import Any

import dagster as dg
from dagster import deserialize_value
from dagster._core.storage.event_log import SqlEventLogStorage

from meter_assets.defs.retention import delete_old_watching_runs
from meter_assets.runtime import event_log


def test_what_is_stored_briefly_is_read_as_it_was(tmp_path: Path) -> None:
    """A field is left out only if Dagster reads the same without it."""
    table = dg.MetadataValue.table([dg.TableRecord({"a": "1"})], dg.TableSchema([dg.TableColumn("a", "string")]))
    entries: dict[str, Any] = {
        "text": "",
        "none": 0,
        "table": table,
        "json": dg.MetadataValue.json({"step_key": None, "left": [None]}),
    }
    key = dg.AssetKey("meters")
    passing = dg.AssetCheckEvaluation(asset_key=key, check_name="one", passed=True, metadata={}, partition="1")
    events: list[dg.AssetMaterialization | dg.AssetCheckEvaluation] = [
        dg.AssetMaterialization(key, partition="1", metadata=entries, tags={"dagster/data_version": "x"}),
        passing,
        dg.AssetCheckEvaluation(
            asset_key=key,
            check_name="two",
            passed=False,
            metadata=entries,
            partition="1",
            description="It fails.",
            severity=dg.AssetCheckSeverity.WARN,
            blocking=True,
        ),
    ]
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        run = instance.create_run_for_job(delete_old_watching_runs)
        storage = instance.event_log_storage
        assert isinstance(storage, SqlEventLogStorage)
        for one in events:
            entry = event_log._entry(run, one)
            whole, short = storage._event_to_row(entry)["event"], event_log._row(storage, entry)["event"]
            assert deserialize_value(short, dg.EventLogEntry) == deserialize_value(whole, dg.EventLogEntry) == entry
            assert len(short) < len(whole) * 0.8
