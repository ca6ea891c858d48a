"""Compares the files of a plan with its manifest: a reviewer reads both, and both must say the same.

A hash says whether a file was altered, but not whether what the manifest says of it is true. Add here what a manifest
says of a file that can be computed from the file alone. Whether the rows of a file are those that would change now is
decided in `comparison`.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from meter_assets.foreign_text import quoted
from meter_assets.migration.reviewed_plans.files import planned_rows
from meter_assets.migration.reviewed_plans.manifest import Manifest, StepPlanned, altered_files

ZERO = Decimal(0)


def problems_of_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield, as clauses, which files of a plan are missing, altered, or unlike what the manifest says of them.

    Raises PlanUnusable for a file that cannot be read as rows.
    """
    altered = list(altered_files(folder, manifest))
    yield from altered
    for step in manifest.steps if not altered else ():
        yield from _unlike_manifest(folder / step.file, step)


def _unlike_manifest(path: Path, planned: StepPlanned) -> Iterator[str]:
    """Yield, as clauses, what the manifest says of a file and is not so: its rows by rule, and the change of its sums.

    A sum of the manifest is over all rows of the table, also those that do not change; so only its change is compared.
    """
    rules, changes, has_numbers = Counter[str](), dict.fromkeys(planned.money, ZERO), set(planned.money)
    headings: set[str] = set()
    for cells in planned_rows(path):
        headings = headings or set(cells)
        rules[cells.get("rule", "")] += 1
        for name in tuple(has_numbers):
            try:
                changes[name] += _number(cells.get(f"{name}_after")) - _number(cells.get(f"{name}_before"))
            except ArithmeticError:
                has_numbers.discard(name)
    if (rules.total(), dict(rules)) != (planned.rows, {name: count for name, count in planned.rules.items() if count}):
        yield f"{path.name} does not have the numbers of rows, by rule, that the manifest says"
    for name in sorted(has_numbers):
        money = planned.money[name]
        if {f"{name}_before", f"{name}_after"} <= headings and changes[name] != _change(money.before, money.after):
            yield f"the rows of {path.name} do not change the sum {quoted(name)} by what the manifest says"


def _number(cell: str | None) -> Decimal:
    return Decimal(cell) if cell else ZERO


def _change(before: str, after: str) -> Decimal | None:
    try:
        return Decimal(after) - Decimal(before)
    except ArithmeticError:  # no number, or one that is too large
        return None
