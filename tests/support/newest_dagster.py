"""The result of `./dev test-newest-dagster`: the versions that were used, what passed and what broke.

`python -m tests.support.newest_dagster FILE` reads the report of the tests. The exit status is 1 if something broke.
"""

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from xml.etree import ElementTree

OURS = "meter-assets "


def versions() -> str:
    """Return the versions of Dagster's packages that are installed."""
    found = {one.name: one.version for one in distributions() if one.name.startswith("dagster")}
    return "Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(found.items())) + "."


def unmet() -> list[str]:
    """Return what packages require and do not find, except that this project pins an older Dagster."""
    found = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    lines = found.stdout.splitlines() if found.returncode else []
    return [f"Unmet requirement: {one}" for one in lines if not one.startswith(OURS)]


def outcome(file: Path) -> tuple[list[str], bool]:
    """Return what the report of the tests says, in words, and whether nothing broke."""
    cases = list(ElementTree.parse(file).iter("testcase")) if file.exists() else []
    broken = [one for one in cases if one.find("failure") is not None or one.find("error") is not None]
    skipped = [one for one in cases if one.find("skipped") is not None]
    counts = (
        f"{len(cases) - len(broken) - len(skipped)} tests passed, {len(broken)} broke, {len(skipped)} were skipped."
    )
    names = [f"Broken: {'::'.join(filter(None, (one.get('classname'), one.get('name'))))}" for one in broken]
    return [counts, *names], bool(cases) and not broken


if __name__ == "__main__":
    told, is_good = outcome(Path(sys.argv[1]))
    print(versions(), *unmet(), *told, sep="\n")
    sys.exit(not is_good)
