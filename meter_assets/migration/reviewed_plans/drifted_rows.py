"""Names the rows in which what a step would change now differs from its plan: added, gone and different rows.

The rows of the plan are those of its file, in the text form that the file has. Add here how drifted rows are found and
shown. Whether a step has drifted at all is decided by digests, in `comparison`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, select

from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import OF_DECISION
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import StepDrift
from meter_assets.foreign_text import quoted, spreadsheet_cell
from meter_assets.formatting import plain_money
from meter_assets.migration.reviewed_plans.files import planned_rows
from meter_assets.migration.reviewed_plans.manifest import StepPlanned

SHOWN = 3
"""How many rows of each kind are named."""
_AT_A_TIME = 5_000
_OF_DECISION = [name for name in OF_DECISION if name != "decided_at_seen"]  # a file of a plan has no time of a decision
Cells = Mapping[str, str]


@dataclass
class _Found:
    """How many rows drifted in one way, and the first of them."""

    count: int = 0
    rows: dict[str, Cells | None] = field(default_factory=dict)

    def add(self, row_id: str, cells: Cells | None = None) -> None:
        self.count += 1
        if len(self.rows) < SHOWN:
            self.rows[row_id] = cells


def drift_of(
    connection: Connection, schema: BillingSchema, rows: Select[Any], planned: StepPlanned, folder: Path
) -> StepDrift:
    """Return how rows differ from those in the file of a plan; `rows` have the columns of the step's journal."""
    path = folder / planned.file
    wanted: dict[str, bytes] = {}
    cells: Cells | None
    names: list[str] = []
    for cells in planned_rows(path):
        names = names or _compared(cells)
        wanted[cells["id"]] = _hash(cells, names)
    added, gone, different = _Found(), _Found(), _Found()
    for cells in _rows_now(connection, schema, rows, planned.step):
        names = names or _compared(cells)
        before = wanted.pop(cells["id"], None)
        if before is None:
            added.add(cells["id"], cells)
        elif before != _hash(cells, names):
            different.add(cells["id"], cells)
    for row_id in wanted:
        gone.add(row_id)
    shown = {**gone.rows, **different.rows}
    of_plan = {cells["id"]: cells for cells in planned_rows(path) if cells["id"] in shown} if shown else {}
    examples = [f"added {_row(row_id, cells or {}, names)}" for row_id, cells in added.rows.items()]
    examples += [f"gone {_row(row_id, of_plan.get(row_id, {}), names)}" for row_id in gone.rows]
    examples += [
        f"different {_both(row_id, of_plan.get(row_id, {}), cells or {}, names)}"
        for row_id, cells in different.rows.items()
    ]
    recognized = schema.recognized_columns(schema.journaled[planned.step])
    return StepDrift(planned.step, added.count, gone.count, different.count, examples, recognized)


def has_exactly(
    connection: Connection, schema: BillingSchema, rows: Select[Any], planned: StepPlanned, folder: Path
) -> bool:
    """Return whether the file of a plan has exactly these rows; they have the columns of the step's journal.

    The digest of a manifest is that of the journal. It says nothing about the file, which is what a person has read.
    """
    names = ["id", *_compared(map(str, rows.selected_columns.keys()))]
    in_file = sorted(_hash(cells, names) for cells in planned_rows(folder / planned.file))
    return in_file == sorted(_hash(cells, names) for cells in _rows_now(connection, schema, rows, planned.step))


def _rows_now(connection: Connection, schema: BillingSchema, rows: Select[Any], step: str) -> Iterator[Cells]:
    """Yield the id and the cells that are compared of each row, in the text form that the file of a plan has."""
    row = rows.subquery("now")
    names = ["id", *_compared(map(str, row.c.keys()))]
    money = [name.rpartition("_")[0] in schema.journaled[step].money for name in names]
    columns = [exact(row.c[name]) if is_money else row.c[name] for name, is_money in zip(names, money, strict=True)]
    options = {"stream_results": True, "yield_per": _AT_A_TIME}
    with connection.execute(select(*columns), execution_options=options) as found:
        for values in found:
            cells = (as_cell(one, is_money=is_money) for one, is_money in zip(values, money, strict=True))
            yield dict(zip(names, cells, strict=True))


def as_cell(value: Any, *, is_money: bool = False) -> str:
    """Return a value as the text that a file of a plan has."""
    if is_money and isinstance(value, Decimal) and value.is_finite():
        return plain_money(value)
    if value is None:
        return ""
    return _text_cell(value) if isinstance(value, str) else str(value)


@lru_cache(maxsize=1_000)
def _text_cell(text: str) -> str:
    """Return a text as a cell; most texts of a plan are one of a few rules."""
    return str(spreadsheet_cell(text))


def _compared(cells: Iterable[str]) -> list[str]:
    """Return the names of the cells that are compared: not the names by which a person recognizes a row."""
    return [name for name in cells if name.endswith(("_before", "_after")) or name == "rule" or name in _OF_DECISION]


def _hash(cells: Cells, names: list[str]) -> bytes:
    text = "\x1f".join(cells.get(name, "") for name in names)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


def _row(row_id: str, cells: Cells, names: list[str]) -> str:
    values = ", ".join(f"{name} {_value(cells.get(name, ''))}" for name in names)
    return f"id {quoted(row_id)} ({values})"


def _both(row_id: str, planned: Cells, now: Cells, names: list[str]) -> str:
    changed = [name for name in names if planned.get(name, "") != now.get(name, "")]
    sides = [(name, _value(planned.get(name, "")), _value(now.get(name, ""))) for name in changed]
    values = "; ".join(f"{name} {before} in the plan, {after} now" for name, before, after in sides)
    return f"id {quoted(row_id)} ({values})"


def _value(cell: str) -> str:
    return quoted(cell) if cell else "empty"
