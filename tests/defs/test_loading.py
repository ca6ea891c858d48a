"""What Dagster's loader finds in the folder of definitions."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import dagster as dg

import meter_assets
from meter_assets.definitions import load_definitions

NEW_MODULE = '''
"""An asset that no list names."""
import dagster as dg

@dg.asset
def meter_readings() -> None:
    """The readings of the meters."""

@dg.asset_check(asset=meter_readings)
def every_reading_has_a_meter() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)

@dg.schedule(cron_schedule="0 * * * *", target=meter_readings)
def hourly_readings() -> dg.RunRequest:
    return dg.RunRequest()
'''
TELL_WHAT_IS_LOADED = """
import json
from meter_assets.definitions import defs
graph = defs.resolve_asset_graph()
print(json.dumps([
    sorted(key.to_user_string() for key in graph.materializable_asset_keys),
    sorted(key.name for key in graph.asset_check_keys),
    sorted(schedule.name for schedule in defs.schedules),
]))
"""


def loaded_from(root: Path) -> list[set[str]]:
    """Return the names of the assets, checks and schedules that the package below this folder has."""
    told = subprocess.run(
        [sys.executable, "-c", TELL_WHAT_IS_LOADED],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stderr == "", "loading warns of nothing"
    return [set(names) for names in json.loads(told.stdout)]


def test_a_module_dropped_into_defs_is_found(tmp_path: Path) -> None:
    package = Path(meter_assets.__file__).parent
    shutil.copytree(package, tmp_path / "meter_assets", ignore=shutil.ignore_patterns("__pycache__"))
    before = loaded_from(tmp_path)
    (tmp_path / "meter_assets" / "defs" / "meter_readings.py").write_text(NEW_MODULE, encoding="utf-8")
    after = loaded_from(tmp_path)
    assert [found - known for found, known in zip(after, before, strict=True)] == [
        {"meter_readings"},
        {"every_reading_has_a_meter"},
        {"hourly_readings"},
    ]


def test_each_definition_is_loaded_once_whatever_modules_import_it() -> None:
    loaded = load_definitions()
    keys = [key for one in loaded.assets or () for key in ([one.key] if isinstance(one, dg.AssetSpec) else one.keys)]
    checks = [key for one in loaded.asset_checks or () for key in one.check_keys]
    names = [one.name for one in (*(loaded.jobs or ()), *(loaded.schedules or ()), *(loaded.sensors or ()))]
    for found in (keys, checks, names):
        assert found
        assert max(Counter(found).values()) == 1
