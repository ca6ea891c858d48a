"""Metadata of runs, materializations and checks: the only place that builds Dagster's metadata values.

Dagster's pages show a text, a table's cell and JSON as they are, and render Markdown: the browser requests an image
in it, and a link can be clicked. So text of the database stands in texts, tables and JSON. Markdown is only for
descriptions, which contain no text of the database (see `checks`). In the log of a run every address becomes a link:
lines for it pass `log_line`. Add a function here for each further kind of value; what a table contains is in
`reports.tables`.
"""

from collections.abc import Mapping

import dagster as dg
from pydantic import BaseModel

from meter_assets.foreign_text import shown, visible, without_links
from meter_assets.reports.tables import LONGEST_CELL, Grid

REPORT = "report"
"""The entry that holds a report as JSON: the command line reads it from there."""
Entries = Mapping[str, dg.MetadataValue]


def text(said: str) -> dg.TextMetadataValue:
    """Return one line of text."""
    return dg.MetadataValue.text(visible(said))


def table(name: str, grid: Grid) -> Entries:
    """Return a grid as a table under a name, its note as a text beside it; without rows, a text in its place."""
    if not grid.rows:
        return {name: text(grid.note or "none")}
    columns = [dg.TableColumn(heading, "string") for heading in grid.headings]
    cells = [[shown(cell, LONGEST_CELL) for cell in row] for row in grid.rows]
    records = [dg.TableRecord(dict(zip(grid.headings, row, strict=True))) for row in cells]
    drawn = dg.MetadataValue.table(records, dg.TableSchema(columns=columns))
    return {name: drawn, f"{name}: note": text(grid.note)} if grid.note else {name: drawn}


def report(found: BaseModel) -> Entries:
    """Return a report as JSON, whole."""
    return {REPORT: dg.MetadataValue.json(found.model_dump(mode="json"))}


def log_line(said: str) -> str:
    """Return a line for the log of a run, in which Dagster's page finds no address to make a link of."""
    return visible(without_links(said))
