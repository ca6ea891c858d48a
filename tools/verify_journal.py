"""Verifies the records and journals of meter-assets with SQL and Python's standard library, without meter-assets.

Run python tools/verify_journal.py DATABASE [TENANT=DIGEST ...], where DATABASE is a file of SQLite, or
postgresql://user@host/name (with psql; password: PGPASSWORD), or mysql://user@host:port/name (with mysql; password:
MYSQL_PWD). It recomputes all digests, seals and chains, and prints the newest digests; each TENANT=DIGEST must be one.
"""

import json
import sqlite3
import subprocess
import sys
from hashlib import sha256
from urllib.parse import urlsplit

RUN = ("id", "run_id", "step", "undoes", "policy", "software_version", "outcome", "rows_changed", "message")
COMMIT, SIDES = ("part", "rows_changed", "digest", "above_id", "up_to_id"), ((">", "above_id"), ("<=", "up_to_id"))
ORIGIN = ("started_by", "executed_by", "database_role", "reason")
STARTED = {"outcome": "running", "finished_at": None, "rows_changed": None, "message": None}
RUNS, BACKUP, RETIRED = "meter_migration_runs", "customer_balances_backup", "meter_migration_retired_backups"
TIMES = {"sqlite": "replace({}, ' ', 'T') || '+00:00'", "mysql": "date_format({}, '%Y-%m-%dT%H:%i:%s.%f+00:00')"}
TIMES["postgresql"] = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')"
KEPT = {"tenant_id": "tenant_id", "customer_id": "id", "balance": "balance_after", "overpayment": "overpayment_after"}
PG_DIGEST = "encode(sha256(coalesce(string_agg({0}, CAST('' AS bytea) ORDER BY {0}), CAST('' AS bytea))), 'hex')"
MYSQL_PART = "COALESCE(SUM(CAST(CONV(SUBSTR(SHA2(CONCAT_WS(',', {}), 256), {}, 15), 16, 10) AS UNSIGNED)), 0)"


class Database:  # answers a SELECT with rows as dicts
    def __init__(self, url):
        parts, columns = urlsplit(url), {"t": "table_name", "column": "column_name", "type": "data_type"}
        self.kind, self.types = parts.scheme.partition("+")[0] or "sqlite", {}
        every = "FROM information_schema.columns WHERE table_schema = {} ORDER BY ordinal_position"
        if self.kind == "sqlite":
            self.file = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)
            columns = {"t": "m.name", "column": "p.name", "type": "p.type"}
            every = "FROM sqlite_master m, pragma_table_info(m.name) p ORDER BY p.cid"
        elif self.kind == "postgresql":
            self.command = ["psql", "-XAtq", "-d", url, "-c", "SET TimeZone = 'UTC'", "-c"]
        else:
            address = ["-h", parts.hostname, "-P", str(parts.port or 3306), "-u", parts.username, parts.path[1:]]
            self.command = ["mysql", "--default-character-set=utf8mb4", "-Nr", *address, "-e"]
        for one in self.rows(columns, every.format("database()" if self.kind == "mysql" else "current_schema()")):
            self.types.setdefault(one["t"], {})[one["column"]] = one["type"]

    def rows(self, columns, rest):
        if self.kind == "sqlite":
            found = self.file.execute(f"SELECT {', '.join(columns.values())} {rest}")
            return [dict(zip(columns, row, strict=True)) for row in found]
        pairs = ", ".join(f"'{name}', {value}" for name, value in columns.items())
        build = "json_build_object" if self.kind == "postgresql" else "JSON_OBJECT"
        printed = subprocess.check_output([*self.command, f"SELECT {build}({pairs}) {rest}"], text=True)
        return [json.loads(line) for line in printed.split("\n") if line]

    def digest(self, values, rest):  # of rows, and their number; `values` are the SQL and the type of each column
        if self.kind == "sqlite":
            typed = "CASE typeof({0}) WHEN 'text' THEN 't' || hex({0}) WHEN 'blob' THEN 'b' || hex({0}) ELSE {0} END"
            rows = self.rows({name: typed.format(sql) for name, (sql, _) in values.items()}, rest)
            pairs = ([one for one in row.items() if one[1] is not None] for row in rows)
            return len(rows), sha256(b"".join(sorted(sha256(repr(one).encode()).digest() for one in pairs))).hexdigest()
        texts = ", ".join(self.text_of(name, *value) for name, value in values.items())
        found = PG_DIGEST.format(f"sha256(convert_to(concat_ws(',', {texts}), 'UTF8'))")
        if self.kind == "mysql":
            parts = ", ".join(MYSQL_PART.format(texts, at) for at in (1, 16, 31, 46))
            found = f"SHA2(CONCAT_WS(',', COUNT(*), {parts}), 256)"
        return tuple(self.rows({"rows": "count(*)", "digest": found}, rest)[0].values())

    def text_of(self, name, sql, kind):
        if self.kind == "postgresql":
            as_number = f"round(CAST(extract(epoch FROM {sql}) AS numeric), 6)"
            return f"'{name}=' || quote_literal({as_number if kind.startswith(('date', 'timestamp')) else sql})"
        sql = f"CAST({sql} AS DECIMAL(65, 30))" if kind == "decimal" else sql
        text = sql if "binary" in kind else f"CONVERT({sql} USING utf8mb4)"
        plain, bytes_of = f"CAST({sql} AS CHAR CHARACTER SET ascii)", f"HEX(CAST({text} AS BINARY))"
        return f"CONCAT('{name}=', {plain if 'int' in kind or kind[:4] in ('deci', 'date', 'time') else bytes_of})"

    def quoted(self, value):
        text = str(value).replace("\\", "\\\\" if self.kind == "mysql" else "\\").replace("'", "''")
        return str(value) if isinstance(value, int) else f"'{text}'"

    def misplaced(self):  # which tables have rows of a step run that is not recorded, or is of another tenant or run
        same = "r.{0} = x.{0} AND " if self.kind == "postgresql" else "hex(r.{0}) = hex(x.{0}) AND "
        backup = f"r.step = '{BACKUP}' AND r.undoes IS NULL AND (r.started_at = x.backed_up_at OR r.id NOT IN "
        backup += "(SELECT step_run_id FROM meter_migration_origins))"  # version 1.2 recorded no such time
        for table in (one for one in self.types if "step_run_id" in self.types[one] or one == BACKUP):
            of_run = same.format("tenant_id") + same.format("run_id") * ("run_id" in self.types[table])
            of_run += backup if table == BACKUP else "r.id = x.step_run_id"
            if self.rows({"x": "1"}, f"FROM {table} x LEFT JOIN {RUNS} r ON {of_run} WHERE r.id IS NULL"):
                yield f"{table} has rows of no recorded step run, or of another tenant, run or time"


def journaled(database, run):
    """Return the digested columns of what a step run has journaled, the FROM and WHERE of its rows, and their id."""
    if run["step"] == BACKUP and run["undoes"] is None:  # rows of the backup are there, or a rollback has moved them
        rows = f"SELECT {', '.join(KEPT)} FROM {BACKUP} JOIN {RUNS} USING (tenant_id, run_id) WHERE id = {run['id']}"
        moved = f"UNION ALL SELECT tenant_id, customer_id, balance_before, overpayment_before FROM {RETIRED}"
        moved += f" WHERE step_run_id IN (SELECT id FROM {RUNS} WHERE undoes = {run['id']})"
        columns = {to: (name, database.types[BACKUP][name]) for name, to in KEPT.items()}
        rest = f"FROM ({rows} {moved * (RETIRED in database.types)}) backed_up WHERE 1 = 1"
        return columns | {"rule": ("'first_backup'", "varchar")}, rest, "customer_id"
    types = database.types[table := RETIRED if run["step"] == BACKUP else f"meter_migration_{run['step']}"]
    names = [one for end in (("_before", "_after"), "rule", "_seen") for one in types if one.endswith(end)]
    columns = {"tenant_id": "tenant_id", "id": (key := list(types)[3])} | {one: one for one in names}
    return {to: (of, types[of]) for to, of in columns.items()}, f"FROM {table} WHERE step_run_id = {run['id']}", key


def main(url, *kept):
    database, chains, tables = Database(url), {}, ("outcomes", "chain", "origins")
    wrong, utc = list(database.misplaced()), TIMES[database.kind].format
    columns = {one: f"r.{one}" for one in ("tenant_id", "finished_at", *RUN)} | {"ended_as": "outcomes.outcome"}
    columns |= {one: f"origins.{one}" for one in ("step_run_id", *ORIGIN)} | {"ended_with": "outcomes.message"}
    columns |= {c: c for c in ("seal", "previous", "digest")} | {"by": "coalesce(seal, substr(software_version, 1, 4))"}
    columns |= {"s": utc("started_at"), "f": utc("outcomes.finished_at")}
    joins = " ".join(f"LEFT JOIN meter_migration_{one} {one} ON {one}.step_run_id = r.id" for one in tables)
    every = database.rows({one: one for one in ("step_run_id", *COMMIT)}, "FROM meter_migration_commits ORDER BY part")
    for run in database.rows(columns, f"FROM {RUNS} r {joins} ORDER BY r.id"):
        tenant, title = run["tenant_id"], f"tenant {run['tenant_id']}, step run {run['id']} ({run['step']})"
        commits = [{name: one[name] for name in COMMIT} for one in every if one["step_run_id"] == run["id"]]
        known, chain = run["step_run_id"] is not None, chains.setdefault(tenant, [])
        try:
            values, rest, key = journaled(database, run)
            is_other = database.rows({"n": "count(*)"}, rest) != [{"n": sum(one["rows_changed"] for one in commits)}]
            for one in commits:
                keys = "".join(f" AND {key} {op} {database.quoted(one[at])}" for op, at in SIDES if one[at] is not None)
                is_other |= database.digest(values, rest + keys) != (one["rows_changed"], one["digest"])
        except (KeyError, TypeError, sqlite3.Error, subprocess.CalledProcessError):  # an unknown step, or no number
            is_other = bool(commits)
        wrong += [f"{title}: its journaled rows were changed, added or deleted"] * (is_other and run["by"] != "1.0.")
        if run["ended_as"] is None and run["digest"] is None:  # it runs, or was killed; version 1.0 kept its end here
            is_running = run == run | STARTED and all(one["up_to_id"] and one["above_id"] != "" for one in commits)
            is_running &= chain[-1:] != [None] if known else not chain and run["by"] in ("1.1.", "1.2.")
            wrong += [f"{title}: its record was changed, or partly deleted"] * (not is_running and run["by"] != "1.0.")
            chain.append(None)
            continue
        of_run, end, origin = ({name: run[name] for name in part} for part in (RUN, ("ended_as", "ended_with"), ORIGIN))
        sealed = [of_run | {"tenant_id": str(tenant)}, end, [[*one.values()] for one in commits], *[origin] * known]
        seal = sha256(json.dumps(sealed, sort_keys=True, separators=(",", ":"), default=repr).encode()).hexdigest()
        link = sha256("\n".join(map(str, (run["previous"], seal, run["s"], run["f"]))).encode()).hexdigest()
        is_old = run["digest"] is None and not chain and not known  # version 1.2 had no chain
        if seal != run["seal"] or not (is_old or link == run["digest"]) or (known and run["finished_at"] is not None):
            wrong.append(f"{title}: its record was changed")
        if not is_old and run["previous"] != (chain or ["0" * 64])[-1]:
            wrong.append(f"{title}: a step run before it was changed, deleted, moved or added")
        chain += [] if is_old else [run["digest"]]
    known = {f"{tenant}={one}": tenant for tenant, chain in chains.items() for one in chain if one}
    print(*{tenant: one for one, tenant in known.items()}.values(), sep="\n")
    return "\n".join([*wrong, *(f"{one} is not in the chain of its tenant" for one in kept if one not in known)])


if __name__ == "__main__":
    sys.excepthook = lambda _, error, __: print("Cannot verify:", getattr(error, "cmd", [error])[0], file=sys.stderr)
    sys.exit(main(*sys.argv[1:]) or 0 if {*sys.argv[1:]} - {"-h", "--help"} else print(__doc__, file=sys.stderr) or 2)
