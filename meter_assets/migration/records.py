"""What is recorded of step runs, in tables that rows are only added to: RUNS, COMMITS and OUTCOMES.

RUNS says that a step run began, and never changes. COMMITS has one row for each committed transaction that journaled
rows of it: how many, and their digest. OUTCOMES says how it ended, once, with a seal: a hash of all that is recorded of
it. So a role that may add records can neither change nor take back one that is there, and whoever can is noticed.

Version 1.0.0 wrote the outcome into RUNS instead; what it recorded is read from there, and sealed by the next step run
of its tenant. What is recorded when is in `history`; whether journals are as recorded, in `journal_audit`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from meter_assets.billing.own_tables import COMMITS, OUTCOMES, RUNNING, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import keeps_outcomes
from meter_assets.errors import RecordsAltered
from meter_assets.foreign_text import quoted

_SEALED_OF_A_RUN = (
    "id",
    "run_id",
    "step",
    "undoes",
    "policy",
    "software_version",
    "outcome",
    "rows_changed",
    "message",
)
"""Of RUNS. Its tenant is sealed as text; points in time are not, since engines keep them with or without a zone."""
_SEALED_OF_A_COMMIT = ("part", "rows_changed", "digest", "above_id", "up_to_id")


def end(connection: Connection, schema: BillingSchema, step_run_id: int, outcome: str, message: str | None) -> bool:
    """Record how a step run ended, and seal all that is recorded of it; say whether it had not ended before.

    Raises IntegrityError where another transaction records it at the same moment.
    """
    (run,) = _recorded(connection, schema, schema.own[RUNS].c.id == step_run_id)
    if run["ended_as"] is not None:
        return False
    values = {"step_run_id": step_run_id, "tenant_id": run["tenant_id"], "outcome": outcome, "message": message}
    sealed = {**run, "ended_as": outcome, "ended_with": message}
    commits = commits_of(connection, schema, [step_run_id])
    values |= {"finished_at": datetime.now(UTC), "seal": _seal(sealed, commits.get(step_run_id, []))}
    connection.execute(insert(schema.own[OUTCOMES]).values(**values))
    return True


def kept_by_version_1_0(connection: Connection, schema: BillingSchema, tenant_id: Any) -> list[RowMapping]:
    """Return a tenant's step runs of which only RUNS tells: version 1.0.0 recorded them, and nobody has sealed them."""
    runs = _recorded(connection, schema, schema.own[RUNS].c.tenant_id == tenant_id)
    return [run for run in runs if run["ended_as"] is None and _is_of_version_1_0(run)]


def _is_of_version_1_0(run: RowMapping) -> bool:
    return str(run["software_version"]).startswith("1.0.")


def require_unaltered(connection: Connection, schema: BillingSchema, tenant_id: Any) -> None:
    """Raise RecordsAltered where what is recorded of a tenant's step runs is not what was sealed."""
    for found in altered(connection, schema, tenant_id):
        raise found


def altered(connection: Connection, schema: BillingSchema, tenant_id: Any = None) -> Iterator[RecordsAltered]:
    """Yield an error for each step run of a tenant (of all tenants) of which the record is not what was sealed."""
    if RUNS not in schema.own_tables_present or not keeps_outcomes(schema):
        return
    wanted = [] if tenant_id is None else [schema.own[RUNS].c.tenant_id == tenant_id]
    runs = _recorded(connection, schema, *wanted)
    commits = commits_of(connection, schema, None if tenant_id is None else [run["id"] for run in runs])
    for run in runs:
        problem = _problem(run, commits.get(run["id"], []))
        if problem:
            yield RecordsAltered(str(run["tenant_id"]), run["step"], run["run_id"], problem)


def _problem(run: RowMapping, commits: Sequence[RowMapping]) -> str:
    if run["ended_as"] is not None:
        return "" if _seal(run, commits) == run["seal"] else "its record is not as it was sealed when it ended"
    if _is_of_version_1_0(run):
        return ""
    if run["outcome"] != RUNNING:
        return f"its outcome was set to {quoted(run['outcome'])} in {RUNS}, where this version never writes one"
    if any(one["up_to_id"] is None for one in commits):  # of a step that was not in batches
        return f"its row in {OUTCOMES} is missing, which was written in the same transaction as that in {COMMITS}"
    return ""


def _recorded(connection: Connection, schema: BillingSchema, *wanted: Any) -> list[RowMapping]:
    """Return step runs as they are in RUNS, each with its row of OUTCOMES."""
    runs, outcomes = schema.own[RUNS], schema.own[OUTCOMES]
    columns = [runs.c.tenant_id, *(runs.c[name] for name in _SEALED_OF_A_RUN)]
    ended = outcomes.c.outcome.label("ended_as"), outcomes.c.message.label("ended_with"), outcomes.c.seal
    joined = runs.outerjoin(outcomes, outcomes.c.step_run_id == runs.c.id)
    statement = select(*columns, *ended).select_from(joined).where(*wanted).order_by(runs.c.id)
    return list(connection.execute(statement).mappings())


def commits_of(
    connection: Connection, schema: BillingSchema, step_run_ids: Sequence[int] | None
) -> dict[int, list[RowMapping]]:
    """Return the rows of COMMITS of these step runs (of all), in the order of their parts."""
    if not keeps_outcomes(schema):
        return {}
    commits = schema.own[COMMITS]
    statement = select(commits).order_by(commits.c.step_run_id, commits.c.part)
    if step_run_ids is not None:
        statement = statement.where(commits.c.step_run_id.in_(step_run_ids))
    found: dict[int, list[RowMapping]] = {}
    for row in connection.execute(statement).mappings():
        found.setdefault(row["step_run_id"], []).append(row)
    return found


def _seal(run: Mapping[Any, Any], commits: Sequence[Mapping[Any, Any]]) -> str:
    """Return the hash of all that is recorded of a step run."""
    of_run = {"tenant_id": str(run["tenant_id"]), **{name: run[name] for name in _SEALED_OF_A_RUN}}
    of_end = {"ended_as": run["ended_as"], "ended_with": run["ended_with"]}
    of_commits = [[one[name] for name in _SEALED_OF_A_COMMIT] for one in commits]
    text = json.dumps([of_run, of_end, of_commits], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
