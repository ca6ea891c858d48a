"""Builds Dagster's metadata values for runs, materializations and checks. No other module builds them.

Dagster's pages show texts, table cells and JSON unchanged, but they render Markdown: the browser loads the images in
it and shows its links. Therefore text of the database is put only into texts, tables and JSON. Markdown is only for
descriptions, which contain no text of the database (see `checks`). In the log of a run every address becomes a link,
so lines for the log must pass `log_line`. Add a function here for each further kind of value; the contents of tables
are in `reports.tables`.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import dagster as dg
from pydantic import BaseModel

from meter_assets import settings
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import shown, visible, without_links
from meter_assets.monitoring.alerts.receivers import UI_URL_VARIABLE, ui_address
from meter_assets.reports.narrow import WIDEST, narrow
from meter_assets.reports.statements.tables import STATEMENT_PATH
from meter_assets.reports.tables import LONGEST_CELL, Grid

REPORT = "report"
"""The entry that contains a report as JSON. The command line reads the report from it."""
Entries = Mapping[str, dg.MetadataValue]


def text(said: str) -> dg.TextMetadataValue:
    """Return one line of text."""
    return dg.MetadataValue.text(visible(said))


def table(name: str, grid: Grid, *, widest: int = WIDEST) -> Entries:
    """Return a grid as a table under a name, and its note as a text; a grid without rows becomes a text.

    It has as many columns as fit into so many pixels: by default those of a partition's page in a window of 1280.
    """
    if not grid.rows:
        return {name: text(grid.note or "none")}
    grid = narrow(grid, widest)
    columns = [dg.TableColumn(heading, "string") for heading in grid.headings]
    cells = [[shown(cell, LONGEST_CELL) for cell in row] for row in grid.rows]
    records = [dg.TableRecord(dict(zip(grid.headings, row, strict=True))) for row in cells]
    shown_table = dg.MetadataValue.table(records, dg.TableSchema(columns=columns))
    return {name: shown_table, f"{name}: note": text(grid.note)} if grid.note else {name: shown_table}


def run(run_id: str) -> dg.MetadataValue[Any]:
    """Return a link to the page of a run. Dagster must know the run: an id from the database may be any text."""
    return dg.MetadataValue.dagster_run(run_id)


def asset(key: dg.AssetKey) -> dg.MetadataValue[Any]:
    """Return a link to the page of an asset, where its partitions and checks are."""
    return dg.MetadataValue.asset(key)


def statements(tenant: str) -> dg.MetadataValue[Any]:
    """Return a link to the statements of a tenant's meters, which the web server of `meter-assets ui` shows.

    It is relative to the server of the page, unless METER_ASSETS_UI_URL names the UI.
    """
    try:
        base = ui_address(settings.variables((UI_URL_VARIABLE,)))
    except InvalidSettings:  # alerts say what is wrong with it
        base = ""
    return dg.MetadataValue.url(f"{base}{STATEMENT_PATH}?{urlencode({'tenant': tenant})}")


def report(found: BaseModel) -> Entries:
    """Return a whole report as JSON."""
    return {REPORT: dg.MetadataValue.json(found.model_dump(mode="json"))}


def log_line(said: str) -> str:
    """Return a line for the log of a run, changed so that Dagster's page turns nothing in it into a link."""
    return visible(without_links(said))
