"""The records of step runs, in five append-only tables: RUNS, ORIGINS, COMMITS, OUTCOMES and CHAIN.

RUNS has one row for each started step run, which never changes, and ORIGINS has who started it and why. COMMITS has one
row for each committed transaction of it that journaled rows: their number and their digest. OUTCOMES has one row for
each ended step run: its outcome, and a seal, which is a hash of its whole record. CHAIN has the hash of that seal and
of the hash of the tenant's step run before it. So a role that may only insert records cannot change or delete one, and
changes by any other role are detected: of all but the newest step runs by the records themselves, of the newest by
comparison with a digest that was kept elsewhere.

Version 1.0.0 wrote the outcome into RUNS instead; its records are read from there, and the next step run of the tenant
seals them. Add here how records are stored and sealed. When they are written is in `recording`; whether journals match
them is checked in `journal_audit`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, Table, and_, insert, select

from meter_assets.billing.constructs import member_of
from meter_assets.billing.own_tables import CHAIN, COMMITS, ORIGINS, OUTCOMES, RUNNING, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import keeps_outcomes
from meter_assets.errors import RecordsAltered
from meter_assets.foreign_text import quoted
from meter_assets.formatting import in_utc

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
"""Columns of RUNS. The tenant is sealed as text. Times are in the digest of the chain, in UTC."""
_SEALED_OF_A_COMMIT = ("part", "rows_changed", "digest", "above_id", "up_to_id")
_SEALED_OF_AN_ORIGIN = ("started_by", "executed_by", "database_role", "reason")
_END_IN_RUNS = f"its end was written into {RUNS}, where this version never writes one"
_WITHOUT_ORIGINS = ("1.0.", "1.1.", "1.2.")
"""How the versions begin that did not record who started a step run."""
START_OF_CHAIN = "0" * 64
"""What stands for the digest before a tenant's first step run."""


@dataclass(frozen=True)
class SealedRecord:
    """The whole record of one step run: its row in RUNS, its outcome from OUTCOMES, its rows in COMMITS."""

    run: Mapping[Any, Any]
    commits: tuple[Mapping[Any, Any], ...] = ()
    origin: Mapping[Any, Any] | None = None
    """Its row in ORIGINS; None if version 1.2 or older started it."""
    link: Mapping[Any, Any] | None = None
    """Its row in CHAIN; None if it has not ended, or was not chained yet."""

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
    times = runs.c.started_at, outcomes.c.finished_at, runs.c.finished_at.label("formerly_finished_at")
    of_commit = [commits.c[name].label(f"commit_{name}") for name in _SEALED_OF_A_COMMIT]
    joined: FromClause = runs
    further: list[ColumnElement[Any]] = []
    for table in (outcomes, commits, *_later_tables(schema)):
        same_run = table.c.step_run_id == runs.c.id
        if tenant_id is not None:
            # So an index finds them. Not by their own tenant: a run that is said to be of another keeps its seal.
            every = runs.alias("every_run")
            ids = select(every.c.id).where(every.c.tenant_id == tenant_id).scalar_subquery()
            same_run = and_(same_run, member_of(table.c.step_run_id, ids))
        joined = joined.outerjoin(table, same_run)
        if table.name in (ORIGINS, CHAIN):
            further += [column.label(f"{table.name}_{column.key}") for column in table.c if column.key != "tenant_id"]
    of_run = [runs.c.tenant_id, *(runs.c[name] for name in _SEALED_OF_A_RUN)]
    statement = select(*of_run, *ended, *times, *of_commit, *further)
    statement = statement.select_from(joined).order_by(runs.c.id, commits.c.part)
    if tenant_id is not None:
        statement = statement.where(runs.c.tenant_id == tenant_id)
    if step_run_id is not None:
        statement = statement.where(runs.c.id == step_run_id)
    rows = connection.execute(statement).mappings()
    return [_record_of(list(of_run)) for _, of_run in groupby(rows, key=lambda row: row["id"])]


def _later_tables(schema: BillingSchema) -> list[Table]:
    """Return the tables of records that version 1.2 did not have, if they exist."""
    return [schema.own[name] for name in (ORIGINS, CHAIN) if name in schema.own_tables_present]


def _record_of(rows: Sequence[RowMapping]) -> SealedRecord:
    """Return the record of a step run from its rows, one for each commit."""
    commits = [{name: row[f"commit_{name}"] for name in _SEALED_OF_A_COMMIT} for row in rows]
    origin = _part_of(rows[0], ORIGINS, _SEALED_OF_AN_ORIGIN)
    link = _part_of(rows[0], CHAIN, ("previous", "digest"))
    return SealedRecord(rows[0], tuple(one for one in commits if one["part"] is not None), origin, link)


def _part_of(row: RowMapping, table: str, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the columns of a joined table; None if it has no row, or does not exist."""
    if row.get(f"{table}_step_run_id") is None:
        return None
    return {name: row[f"{table}_{name}"] for name in names}


def end(
    connection: Connection,
    schema: BillingSchema,
    step_run_id: int,
    outcome: str,
    message: str | None,
    known: SealedRecord | None = None,
    previous: str | None = None,
) -> bool:
    """Record how a step run ended, seal all that is recorded of it, and add it to the tenant's chain.

    Returns whether it had not ended before. What is `known` to be recorded need not be read; `previous` is the digest
    of the tenant's step run before it, if that is known. Raises IntegrityError where another transaction has recorded
    an outcome that was not read, or records one at the same moment.
    """
    (record,) = [known] if known else read_records(connection, schema, step_run_id=step_run_id)
    if record.run["ended_as"] is not None:
        return False
    of_run = {"step_run_id": step_run_id, "tenant_id": record.run["tenant_id"]}
    sealed = {**record.run, "ended_as": outcome, "ended_with": message, "finished_at": datetime.now(UTC)}
    values = {**of_run, "outcome": outcome, "message": message, "finished_at": sealed["finished_at"]}
    seal = _seal(replace(record, run=sealed))
    connection.execute(insert(schema.own[OUTCOMES]).values(**values, seal=seal))
    if CHAIN in schema.own_tables_present:
        before = _digest_before(connection, schema, record.run) if previous is None else previous
        link = {"previous": before, "digest": _link_digest(before, seal, sealed)}
        connection.execute(insert(schema.own[CHAIN]).values(**of_run, **link))
    return True


def _link_digest(previous: str, seal: str, run: Mapping[Any, Any]) -> str:
    """Return the digest of a step run in the chain: the hash of the digest before it, its seal and its times."""
    times = [in_utc(run[name]).isoformat(timespec="microseconds") for name in ("started_at", "finished_at")]
    return hashlib.sha256("\n".join([previous, seal, *times]).encode()).hexdigest()


def _digest_before(connection: Connection, schema: BillingSchema, run: Mapping[Any, Any]) -> str:
    chain = schema.own[CHAIN]
    earlier = select(chain.c.digest).where(chain.c.tenant_id == run["tenant_id"], chain.c.step_run_id < run["id"])
    return connection.scalar(earlier.order_by(chain.c.step_run_id.desc()).limit(1)) or START_OF_CHAIN


def chain_old_records(connection: Connection, schema: BillingSchema, records: Sequence[SealedRecord]) -> str:
    """Add the ended step runs of a tenant to the chain that older versions recorded; return the newest digest.

    `records` are all of the tenant, ordered by id. A step run of this version that is not in the chain is not added:
    its row was deleted, and `alteration` says so.
    """
    digest = START_OF_CHAIN
    for record in records:
        if record.link is not None:
            digest = record.link["digest"]
        elif record.run["ended_as"] is not None and record.origin is None and CHAIN in schema.own_tables_present:
            values = {"step_run_id": record.run["id"], "tenant_id": record.run["tenant_id"], "previous": digest}
            digest = _link_digest(digest, record.run["seal"], record.run)
            connection.execute(insert(schema.own[CHAIN]).values(**values, digest=digest))
    return digest


def broken_links(records: Sequence[SealedRecord]) -> Iterator[RecordsAltered]:
    """Yield an error for each step run of a tenant whose place in the chain is wrong; `records` are ordered by id."""
    digest, is_chained = START_OF_CHAIN, False
    for record in (one for one in records if one.run["ended_as"] is not None):
        run = record.run
        if record.link is None:
            if is_chained:  # the chain begins with the first step run, also where older versions recorded it
                problem = f"its row in {CHAIN} is missing"
                yield RecordsAltered(str(run["tenant_id"]), run["step"], run["run_id"], problem)
            continue
        is_chained = True
        if record.link["previous"] != digest:
            problem = "a step run before it was changed, deleted or moved"
            yield RecordsAltered(str(run["tenant_id"]), run["step"], run["run_id"], problem)
        digest = record.link["digest"]


def _is_of_version_1_0(run: Mapping[Any, Any]) -> bool:
    return str(run["software_version"]).startswith("1.0.")


def require_unaltered(records: Sequence[SealedRecord]) -> None:
    """Raise RecordsAltered if a record of a tenant's step run differs from its seal, or is not in its place.

    `records` are all of the tenant, ordered by id.
    """
    for error in alterations(records):
        raise error


def alterations(records: Sequence[SealedRecord]) -> Iterator[RecordsAltered]:
    """Yield an error for each record of a tenant that was altered; `records` are all of the tenant, ordered by id."""
    knows_origins = False
    for record, later in zip_longest(records, records[1:]):
        run, problem = record.run, _problem(record)
        if not problem and record.is_running and not _is_of_version_1_0(run):
            problem = _problem_while_running(record, is_newest=later is None, knows_origins=knows_origins)
        if problem:
            yield RecordsAltered(str(run["tenant_id"]), run["step"], run["run_id"], problem)
        knows_origins = knows_origins or record.origin is not None
    yield from broken_links(records)


def altered(connection: Connection, schema: BillingSchema, tenant_id: Any = None) -> Iterator[RecordsAltered]:
    """Yield an error for each step run of a tenant (or of all tenants) whose record was altered."""
    by_tenant: dict[Any, list[SealedRecord]] = {}
    for record in read_records(connection, schema, tenant_id=tenant_id):
        by_tenant.setdefault(record.run["tenant_id"], []).append(record)
    for records in by_tenant.values():
        yield from alterations(records)


def _problem(record: SealedRecord) -> str:
    run = record.run
    if run["ended_as"] is not None:
        seal = _seal(record)
        if seal != run["seal"]:
            return "its record was changed after it ended"
        if record.link is None:
            return f"its row in {CHAIN} is missing" if record.origin is not None else ""
        if record.origin is not None and run["formerly_finished_at"] is not None:
            return _END_IN_RUNS
        is_linked = record.link["digest"] == _link_digest(record.link["previous"], seal, run)
        return "" if is_linked else f"its row in {CHAIN} was changed"
    if record.link is not None:
        return f"its row in {OUTCOMES} is missing, but its row in {CHAIN} exists"
    if _is_of_version_1_0(run):
        return ""
    if run["outcome"] != RUNNING:
        return f"its outcome was set to {quoted(run['outcome'])} in {RUNS}, where this version never writes an outcome"
    if any(one["up_to_id"] is None for one in record.commits):  # a step that did not run in batches
        return f"its row in {OUTCOMES} is missing, but its row in {COMMITS} of the same transaction exists"
    return ""


def _problem_while_running(record: SealedRecord, *, is_newest: bool, knows_origins: bool) -> str:
    """Return what is wrong with the record of a step run that has not ended, as a clause; empty if nothing is.

    A tenant's step run ends before its next one starts, or at the latest when that starts.
    """
    if not is_newest:
        return f"its row in {OUTCOMES} is missing, or it was added: a later step run has started"
    is_older = str(record.run["software_version"]).startswith(_WITHOUT_ORIGINS)
    if record.origin is None and (knows_origins or not is_older):
        return f"its row in {ORIGINS} is missing"
    has_end = any(record.run[name] is not None for name in ("formerly_finished_at", "rows_changed", "message"))
    return _END_IN_RUNS if has_end else ""


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


def _seal(record: SealedRecord) -> str:
    """Return the hash of the whole record of a step run."""
    run = record.run
    of_run = {"tenant_id": str(run["tenant_id"]), **{name: run[name] for name in _SEALED_OF_A_RUN}}
    of_end = {"ended_as": run["ended_as"], "ended_with": run["ended_with"]}
    of_commits = [[one[name] for name in _SEALED_OF_A_COMMIT] for one in record.commits]
    sealed: list[Any] = [of_run, of_end, of_commits]
    if record.origin is not None:
        sealed.append({name: record.origin[name] for name in _SEALED_OF_AN_ORIGIN})
    text = json.dumps(
        sealed, sort_keys=True, separators=(",", ":"), default=repr
    )  # SQLite can have bytes in any column
    return hashlib.sha256(text.encode()).hexdigest()
