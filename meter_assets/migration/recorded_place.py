"""Where a step writes: recorded with every step run, and compared with where a later run would write.

A mapping decides in which table of the database payments, invoices and meters are. Under another mapping, a rollback
would look for the rows of its journal in another table, and find some that have the same ids and values. Add here what
else of a place is recorded.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from meter_assets.billing.own_tables import BACKUP, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import WrittenElsewhere
from meter_assets.foreign_text import quoted
from meter_assets.migration.database import Tenant
from meter_assets.migration.run_history import StepRunRecord

PLACE = "writes"
"""Its name in the JSON text of a recorded policy. Version 1.2 and older did not record it."""
_KEYS = ("id", "tenant_id")


def recorded_values(text: str) -> Mapping[str, Any]:
    """Return what the JSON text of a recorded policy contains; "policy" with the text itself if it is no such text."""
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    return values if isinstance(values, dict) else {"policy": text}


def recorded_policy(text: str) -> dict[str, Any]:
    """Return what `recorded_values` returns, without the place."""
    return {name: value for name, value in recorded_values(text).items() if name != PLACE}


def place_of(schema: BillingSchema, step: str) -> dict[str, Any]:
    """Return the table that a step writes, and its columns, by logical names; empty for the backup, which is ours."""
    journaled = schema.journaled[step]
    table = None if journaled.target == BACKUP else schema.written_table(journaled.target)
    if table is None:
        return {}
    columns = [name for name in (*_KEYS, *schema.written_columns(journaled)) if name in table.c]
    return {"table": table.fullname, "columns": {name: table.c[name].name for name in columns}}


def place_differences(recorded: Any, schema: BillingSchema, step: str) -> list[str]:
    """Return in what the place where a step writes differs from a recorded one, each as "name: recorded -> given".

    What was not recorded, such as a column that was added since, is not compared.
    """
    if step not in schema.journaled or not isinstance(recorded, Mapping):
        return []
    there = schema.journaled[step].target
    then, now = _names(recorded, there), _names(place_of(schema, step), there)
    return [f"{name}: {then[name]} -> {now[name]}" for name in then if name in now and then[name] != now[name]]


def require_same_place(
    connection: Connection, schema: BillingSchema, tenant: Tenant, to_undo: list[StepRunRecord]
) -> None:
    """Raise WrittenElsewhere if undoing these steps would write into other tables or columns than they did."""
    runs = schema.own[RUNS]
    found = select(runs.c.id, runs.c.policy).where(runs.c.tenant_id == tenant.id)
    texts = {row.id: row.policy for row in connection.execute(found)} if to_undo else {}
    for one in to_undo:
        differences = place_differences(recorded_values(texts[one.id]).get(PLACE), schema, one.step)
        if differences:
            raise WrittenElsewhere(tenant.key, one.step, one.run_id, differences)


def _names(place: Mapping[str, Any], table: str) -> dict[str, str]:
    """Return the names of a place in words, by what they are the names of."""
    if not place:
        return {}
    columns = {f"{table}.{name}": quoted(column) for name, column in place["columns"].items()}
    return {f"table of {table}": quoted(place["table"]), **columns}
