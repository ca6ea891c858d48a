"""Verifies the records and journals of meter-assets with SQL and Python's standard library, without meter-assets.

    python tools/verify_journal.py billing.db [TENANT=DIGEST ...]
    python tools/verify_journal.py postgresql://user@host/database [TENANT=DIGEST ...]    (psql; password: PGPASSWORD)
    python tools/verify_journal.py mysql://user@host:port/database [TENANT=DIGEST ...]    (mysql; password: MYSQL_PWD)

It recomputes the digest of every commit from the journaled rows, the seal of every step run, and the chain of every
tenant, and prints the newest digests. Each TENANT=DIGEST must be in its tenant's chain. Exit status: 1 if not.
"""

import hashlib
import json
import sqlite3
import subprocess
import sys
from urllib.parse import urlsplit

RUN = ("id", "run_id", "step", "undoes", "policy", "software_version", "outcome", "rows_changed", "message")
COMMIT = ("part", "rows_changed", "digest", "above_id", "up_to_id")
ORIGIN = ("started_by", "executed_by", "database_role", "reason")
BACKUP, RETIRED = "customer_balances_backup", "meter_migration_retired_backups"
TIMES = {"sqlite": "replace({}, ' ', 'T') || '+00:00'", "mysql": "date_format({}, '%Y-%m-%dT%H:%i:%s.%f+00:00')"}
TIMES["postgresql"] = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')"
KEPT = {"tenant_id": "tenant_id", "customer_id": "id", "balance": "balance_after", "overpayment": "overpayment_after"}
PG_DIGEST = "encode(sha256(coalesce(string_agg({0}, CAST('' AS bytea) ORDER BY {0}), CAST('' AS bytea))), 'hex')"


class Database:  # answers a SELECT with rows as dicts
    def __init__(self, url):
        parts = urlsplit(url)
        self.kind = parts.scheme.partition("+")[0] or "sqlite"
        if self.kind == "sqlite":
            self.file = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)
        elif self.kind == "postgresql":
            self.command = ["psql", "-XAtq", "-d", url, "-c", "SET TimeZone = 'UTC'", "-c"]
        else:
            address = ["-h", parts.hostname, "-P", str(parts.port or 3306), "-u", parts.username, parts.path[1:]]
            self.command = ["mysql", "--default-character-set=utf8mb4", "-Nr", *address, "-e"]

    def rows(self, columns, rest):
        if self.kind == "sqlite":
            found = self.file.execute(f"SELECT {', '.join(columns.values())} {rest}")
            return [dict(zip(columns, row, strict=True)) for row in found]
        pairs = ", ".join(f"'{name}', {value}" for name, value in columns.items())
        build = "json_build_object" if self.kind == "postgresql" else "JSON_OBJECT"
        asked = [*self.command, f"SELECT {build}({pairs}) {rest}"]
        printed = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in printed.split("\n") if line]

    def types(self, table):
        if self.kind == "sqlite":
            return {row[1]: row[2] for row in self.file.execute(f"PRAGMA table_info({table})")}
        here = "current_schema()" if self.kind == "postgresql" else "database()"
        where = f"WHERE table_name = '{table}' AND table_schema = {here} ORDER BY ordinal_position"
        found = self.rows({"name": "column_name", "type": "data_type"}, f"FROM information_schema.columns {where}")
        return {one["name"]: one["type"] for one in found}

    def digest(self, values, rest):
        """Return the number of rows and their digest; `values` are the SQL and the type of each column by its name."""
        if self.kind == "sqlite":
            typed = "CASE typeof({0}) WHEN 'text' THEN 't' || hex({0}) WHEN 'blob' THEN 'b' || hex({0}) ELSE {0} END"
            rows = self.rows({name: typed.format(sql) for name, (sql, _) in values.items()}, rest)
            pairs = ([(name, value) for name, value in row.items() if value is not None] for row in rows)
            hashes = sorted(hashlib.sha256(repr(one).encode()).digest() for one in pairs)
            return len(rows), hashlib.sha256(b"".join(hashes)).hexdigest()
        texts = ", ".join(getattr(self, self.kind)(name, *value) for name, value in values.items())
        if self.kind == "postgresql":
            found = PG_DIGEST.format(f"sha256(convert_to(concat_ws(',', {texts}), 'UTF8'))")
        else:
            row = f"SHA2(CONCAT_WS(',', {texts}), 256)"
            part = "COALESCE(SUM(CAST(CONV(SUBSTR({}, {}, 15), 16, 10) AS UNSIGNED)), 0)"
            found = f"SHA2(CONCAT_WS(',', COUNT(*), {', '.join(part.format(row, at) for at in (1, 16, 31, 46))}), 256)"
        (one,) = self.rows({"rows": "count(*)", "digest": found}, rest)
        return one["rows"], one["digest"]

    def postgresql(self, name, sql, kind):
        is_time = kind.startswith(("date", "timestamp"))
        return (
            f"'{name}=' || quote_literal({f'round(CAST(extract(epoch FROM {sql}) AS numeric), 6)' if is_time else sql})"
        )

    def mysql(self, name, sql, kind):
        sql = f"CAST({sql} AS DECIMAL(65, 30))" if kind == "decimal" else sql
        text = sql if "binary" in kind else f"CONVERT({sql} USING utf8mb4)"
        plain, bytes_of = f"CAST({sql} AS CHAR CHARACTER SET ascii)", f"HEX(CAST({text} AS BINARY))"
        return f"CONCAT('{name}=', {plain if 'int' in kind or kind[:4] in ('deci', 'date', 'time') else bytes_of})"


def quoted(value):
    return str(value) if isinstance(value, int) else "'{}'".format(str(value).replace("'", "''"))


def journaled(database, run):
    """Return the digested columns of what a step run has journaled, the FROM and WHERE of its rows, and their id."""
    if run["step"] == BACKUP and run["undoes"] is None:  # rows of the backup are there, or a rollback has moved them
        types, of_run = database.types(BACKUP), f"run_id = {quoted(run['run_id'])}"
        tables = f"SELECT * FROM {BACKUP} WHERE tenant_id = {quoted(run['tenant_id'])} AND {of_run}"
        if database.types(RETIRED):
            undoing = f"SELECT id FROM meter_migration_runs WHERE undoes = {run['id']}"
            moved = f"tenant_id, customer_id, balance_before, overpayment_before FROM {RETIRED}"
            tables = f"{tables.replace('*', ', '.join(KEPT))} UNION ALL SELECT {moved} WHERE step_run_id IN ({undoing})"
        columns = {to: (name, types[name]) for name, to in KEPT.items()} | {"rule": ("'first_backup'", "varchar")}
        return columns, f"FROM ({tables}) backed_up WHERE 1 = 1", "customer_id"
    types = database.types(table := RETIRED if run["step"] == BACKUP else f"meter_migration_{run['step']}")
    key, sides = list(types)[3], [one for one in types if one.endswith(("_before", "_after"))]
    columns = {"tenant_id": "tenant_id", "id": key} | {one: one for one in [*sides, "rule"]}
    columns |= {one: one for one in types if one.endswith("_seen")}
    return {to: (of, types[of]) for to, of in columns.items()}, f"FROM {table} WHERE step_run_id = {run['id']}", key


def main(url, *kept):
    database, wrong, newest, chain = Database(url), [], {}, set()
    columns = {one: f"r.{one}" for one in ("tenant_id", *RUN)} | {
        one: f"origins.{one}" for one in ("step_run_id", *ORIGIN)
    }
    columns |= {"ended_as": "outcomes.outcome", "ended_with": "outcomes.message"}
    columns |= {one: one for one in ("seal", "previous", "digest")}
    times = {one: TIMES[database.kind].format(of) for one, of in (("s", "r.started_at"), ("f", "outcomes.finished_at"))}
    tables = ("outcomes", "chain", "origins")
    joins = " ".join(f"LEFT JOIN meter_migration_{one} {one} ON {one}.step_run_id = r.id" for one in tables)
    runs = database.rows(columns | times, f"FROM meter_migration_runs r {joins} ORDER BY r.id")
    every = database.rows({one: one for one in ("step_run_id", *COMMIT)}, "FROM meter_migration_commits ORDER BY part")
    for run in (one for one in runs if one["ended_as"] is not None or one["digest"] is not None):
        title = f"tenant {run['tenant_id']}, step run {run['id']} ({run['step']})"
        commits = [{name: one[name] for name in COMMIT} for one in every if one["step_run_id"] == run["id"]]
        sealed = [{**{name: run[name] for name in RUN}, "tenant_id": str(run["tenant_id"])}]
        sealed += [{name: run[name] for name in ("ended_as", "ended_with")}, [[*one.values()] for one in commits]]
        sealed += [{name: run[name] for name in ORIGIN}] if run["step_run_id"] is not None else []
        seal = hashlib.sha256(json.dumps(sealed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        link = "\n".join(map(str, (run["previous"], seal, run["s"], run["f"])))
        if seal != run["seal"] or hashlib.sha256(link.encode()).hexdigest() != run["digest"]:
            wrong.append(f"{title}: its record was changed")
        if run["previous"] != newest.get(run["tenant_id"], "0" * 64):
            wrong.append(f"{title}: a step run before it was changed, deleted or moved")
        newest[run["tenant_id"]] = run["digest"]
        chain.add(f"{run['tenant_id']}={run['digest']}")
        values, rest, key = journaled(database, run) if commits else ({}, "", "")
        for one in commits:
            sides = [(">", one["above_id"]), ("<=", one["up_to_id"])]
            keys = "".join(f" AND {key} {than} {quoted(side)}" for than, side in sides if side is not None)
            if database.digest(values, rest + keys) != (one["rows_changed"], one["digest"]):
                wrong.append(f"{title}: its journaled rows were changed, added or deleted")
    wrong += [f"{one} is not in the chain of its tenant" for one in kept if one not in chain]
    print(*(f"{tenant}={digest}" for tenant, digest in newest.items()), sep="\n")
    print(*wrong, sep="\n", end="\n" * bool(wrong), file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
