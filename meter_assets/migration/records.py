"""The records of step runs, in three append-only tables: RUNS, COMMITS and OUTCOMES.

RUNS has one row for each started step run, which never changes. COMMITS has one row for each committed transaction of
it that journaled rows: their number and their digest. OUTCOMES has one row for each ended step run: its outcome, and a
seal, which is a hash of its whole record. So a role that may only insert records cannot change or delete one, and
changes by any other role are detected.

Version 1.0.0 wrote the outcome into RUNS instead; its records are read from there, and the next step run of the tenant
seals them. Add here how records are stored and sealed. When they are written is in `recording`; whether journals match
them is checked in `journal_audit`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, select

from meter_assets.billing.constructs import member_of
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
"""Columns of RUNS. The tenant is sealed as text; times are not sealed, because engines differ in time zones."""
_SEALED_OF_A_COMMIT = ("part", "rows_changed", "digest", "above_id", "up_to_id")


@dataclass(frozen=True)
class SealedRecord:
    """The whole record of one step run: its row in RUNS, its outcome from OUTCOMES, its rows in COMMITS."""

    run: Mapping[Any, Any]
    commits: tuple[Mapping[Any, Any], ...] = ()

    @property
    def rows_changed(self) -> int:
        """The number of rows that its committed transactions have journaled."""
        return sum(one["rows_changed"] for one in self.commits) or self.run["rows_changed"] or 0

    @property
    def is_running(self) -> bool:
        """Whether no outcome is recorded."""
        return self.run["ended_as"] is None and self.run["outcome"] == RUNNING

    @property
    def is_unsealed(self) -> bool:
        """Whether version 1.0.0 wrote the record, with its outcome in RUNS, and no later version has sealed it."""
        return self.run["ended_as"] is None and _is_of_version_1_0(self.run)

    @property
    def alteration(self) -> RecordsAltered | None:
        """The error that describes how the record differs from its seal; None if it does not."""
        problem = _problem(self.run, self.commits)
        run = self.run
        return RecordsAltered(str(run["tenant_id"]), run["step"], run["run_id"], problem) if problem else None


def read_records(
    connection: Connection, schema: BillingSchema, *, tenant_id: Any = None, step_run_id: int | None = None
) -> list[SealedRecord]:
    """Return the records of the step runs of a tenant, or of one step run, or of all, ordered by id.

    This is one statement. The list is empty if the tables are missing that version 1.0.0 did not have.
    """
    if RUNS not in schema.own_tables_present or not keeps_outcomes(schema):
        return []
    runs, outcomes, commits = schema.own[RUNS], schema.own[OUTCOMES], schema.own[COMMITS]
    ended = outcomes.c.outcome.label("ended_as"), outcomes.c.message.label("ended_with"), outcomes.c.seal
    of_commit = [commits.c[name].label(f"commit_{name}") for name in _SEALED_OF_A_COMMIT]
    of_outcome, of_commits = outcomes.c.step_run_id == runs.c.id, commits.c.step_run_id == runs.c.id
    if tenant_id is not None:
        # So an index finds them. Not by their own tenant: a run that is said to be of another tenant keeps its seal.
        every = runs.alias("every_run")
        ids = select(every.c.id).where(every.c.tenant_id == tenant_id).scalar_subquery()
        of_outcome = and_(of_outcome, member_of(outcomes.c.step_run_id, ids))
        of_commits = and_(of_commits, member_of(commits.c.step_run_id, ids))
    joined = runs.outerjoin(outcomes, of_outcome).outerjoin(commits, of_commits)
    statement = select(runs.c.tenant_id, *(runs.c[name] for name in _SEALED_OF_A_RUN), *ended, *of_commit)
    statement = statement.select_from(joined).order_by(runs.c.id, commits.c.part)
    if tenant_id is not None:
        statement = statement.where(runs.c.tenant_id == tenant_id)
    if step_run_id is not None:
        statement = statement.where(runs.c.id == step_run_id)
    rows = connection.execute(statement).mappings()
    return [_record_of(list(of_run)) for _, of_run in groupby(rows, key=lambda row: row["id"])]


def _record_of(rows: Sequence[RowMapping]) -> SealedRecord:
    """Return the record of a step run from its rows, one for each commit."""
    commits = [{name: row[f"commit_{name}"] for name in _SEALED_OF_A_COMMIT} for row in rows]
    return SealedRecord(rows[0], tuple(one for one in commits if one["part"] is not None))


def end(
    connection: Connection,
    schema: BillingSchema,
    step_run_id: int,
    outcome: str,
    message: str | None,
    known: SealedRecord | None = None,
) -> bool:
    """Record how a step run ended, and seal all that is recorded of it; say whether it had not ended before.

    What is `known` to be recorded need not be read. Raises IntegrityError where another transaction has recorded an
    outcome that was not read, or records one at the same moment.
    """
    (record,) = [known] if known else read_records(connection, schema, step_run_id=step_run_id)
    if record.run["ended_as"] is not None:
        return False
    values = {"step_run_id": step_run_id, "tenant_id": record.run["tenant_id"], "outcome": outcome, "message": message}
    sealed = {**record.run, "ended_as": outcome, "ended_with": message}
    values |= {"finished_at": datetime.now(UTC), "seal": _seal(sealed, record.commits)}
    connection.execute(insert(schema.own[OUTCOMES]).values(**values))
    return True


def _is_of_version_1_0(run: Mapping[Any, Any]) -> bool:
    return str(run["software_version"]).startswith("1.0.")


def require_unaltered(records: Iterable[SealedRecord]) -> None:
    """Raise RecordsAltered if a record of a step run differs from its seal."""
    for record in records:
        if record.alteration is not None:
            raise record.alteration


def altered(connection: Connection, schema: BillingSchema, tenant_id: Any = None) -> Iterator[RecordsAltered]:
    """Yield an error for each step run of a tenant (or of all tenants) whose record differs from its seal."""
    for record in read_records(connection, schema, tenant_id=tenant_id):
        if record.alteration is not None:
            yield record.alteration


def _problem(run: Mapping[Any, Any], commits: Sequence[Mapping[Any, Any]]) -> str:
    if run["ended_as"] is not None:
        return "" if _seal(run, commits) == run["seal"] else "its record was changed after it ended"
    if _is_of_version_1_0(run):
        return ""
    if run["outcome"] != RUNNING:
        return f"its outcome was set to {quoted(run['outcome'])} in {RUNS}, where this version never writes an outcome"
    if any(one["up_to_id"] is None for one in commits):  # a step that did not run in batches
        return f"its row in {OUTCOMES} is missing, but its row in {COMMITS} of the same transaction exists"
    return ""


def commits_of(
    connection: Connection, schema: BillingSchema, step_run_ids: Sequence[int]
) -> dict[int, list[RowMapping]]:
    """Return the rows of COMMITS of these step runs, in the order of their parts."""
    if not keeps_outcomes(schema):
        return {}
    commits = schema.own[COMMITS]
    statement = select(commits).where(commits.c.step_run_id.in_(step_run_ids))
    found: dict[int, list[RowMapping]] = {}
    for row in connection.execute(statement.order_by(commits.c.step_run_id, commits.c.part)).mappings():
        found.setdefault(row["step_run_id"], []).append(row)
    return found


def _seal(run: Mapping[Any, Any], commits: Sequence[Mapping[Any, Any]]) -> str:
    """Return the hash of the whole record of a step run."""
    of_run = {"tenant_id": str(run["tenant_id"]), **{name: run[name] for name in _SEALED_OF_A_RUN}}
    of_end = {"ended_as": run["ended_as"], "ended_with": run["ended_with"]}
    of_commits = [[one[name] for name in _SEALED_OF_A_COMMIT] for one in commits]
    text = json.dumps([of_run, of_end, of_commits], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
