"""A mapping that is suggested for a database, as a commented TOML file.

It is a draft: a person reads and corrects it, and `check-database` says what is still missing. It looks at no row but
for the statuses. Add here a further table of the file. Which tables and columns may be ours is found in
`suggested_tables`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, String, column, select, table

from meter_assets.billing.policy import Policy, folded
from meter_assets.billing.schema import looks_deleted
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.database.suggested_tables import MARKS, Draft, Suggestion, found_tables
from meter_assets.reports.database.vocabulary import words_of

_MOST_STATUSES = 50
_CLAUSE = re.compile(r"(?:UNION ALL|FROM|GROUP BY|HAVING) ")
_LONGEST_LINE = 100
_HEADER = (
    "# A draft: read each line. Where nothing is said of a table or a column, it has the default name.",
    "# 'meter-assets check-database' says what is missing, with METER_ASSETS_CONFIG naming this file.",
)


def suggested_mapping(database: BillingDatabase, policy: Policy) -> str:
    """Return a mapping for a database, as the text of a TOML file. Raises what `BillingDatabase.snapshot` raises."""
    with database.snapshot() as connection:
        found = Suggestion(connection, list(found_tables(connection)))
        lines = [*_HEADER, *(line for draft in found.drafts for line in _lines(draft))]
        meanings = list(_policy(connection, found, policy))
    return "\n".join([*lines, *(["", "[policy]"] if meanings else []), *meanings]) + "\n"


def _policy(connection: Connection, found: Suggestion, policy: Policy) -> Iterator[str]:
    """Yield the lines about statuses that the policy does not know, and columns that may mark deleted rows."""
    for name, counted, uncounted in (
        ("payment", policy.counted_payment_statuses, policy.uncounted_payment_statuses),
        ("invoice", policy.counted_invoice_statuses, policy.uncounted_invoice_statuses),
    ):
        there = [one for one in _statuses(connection, found, f"{name}s") if one not in uncounted]
        if set(there) - set(counted):
            yield f"counted_{name}_statuses = {_listed(sorted(there))}"
    marks = [
        f"{name}.{one}"
        for name, there in found.chosen.items()
        for one in there.columns
        if words_of(one) not in MARKS and looks_deleted(name, one)
    ]
    if marks:
        yield f"deletion_columns = {_listed(marks)}"


def _statuses(connection: Connection, found: Suggestion, name: str) -> list[str]:
    """Return the statuses that a table has, as the policy compares them."""
    there = found.chosen.get(name)
    status = None if there is None else found.column_of(name, there, "status")
    if there is None or status is None or not isinstance(there.columns[status], String):
        return []
    values: Select[Any] = select(column(status)).select_from(table(there.name, schema=there.schema)).distinct()
    return [folded(one) for one in connection.scalars(values.limit(_MOST_STATUSES)) if one]


def _lines(draft: Draft) -> list[str]:
    """Return the lines of the file about one of our tables."""
    head = ["", f"[tables.{draft.name}]"]
    if draft.absent:
        return [*head, "absent = true"]
    if draft.select:
        quoted = draft.select.replace("\\", "\\\\").replace('"', '\\"')
        if len(quoted) > _LONGEST_LINE:
            quoted = '""\n{}""'.format("\n".join(_clauses(quoted)))
        each = [f"each = {_listed(draft.each)}", "numbered_by_tenant = true"] if draft.each else []
        found = [*head, *each, *f'select = "{quoted}"'.splitlines()]
        return [*found, f"results = {_listed(draft.results)}"] if draft.results else found
    if draft.table is None:
        return [*head, f"# Nothing looks like {draft.name}: name the table or a SELECT.", 'table = "?"']
    body = [f'schema = "{draft.table.schema}"'] if draft.table.schema is not None else []
    body += [f'table = "{draft.table.name}"'] if draft.table.name != draft.name else []
    body += [f'where = "{draft.where}"'] if draft.where else []
    body += [f"results = {_listed(draft.results)}"] if draft.results else []
    columns = [f"{name} = {value}" for name, value in draft.columns.items()]
    if columns:
        columns = ["", f"[tables.{draft.name}.columns]", *columns]
    if not body:
        return columns
    return [*head, *body, *columns]


def _clauses(sql: str) -> list[str]:
    """Return the clauses of a SELECT; those between parentheses stay where they are."""
    found, depth = [""], 0
    for at, one in enumerate(sql):
        depth += (one == "(") - (one == ")")
        if not depth and sql[at - 1] == " " and _CLAUSE.match(sql, at):
            found.append("")
        found[-1] += one
    return [one.rstrip() for one in found]


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(f'{chr(34)}{one}{chr(34)}' for one in names)}]"
