"""What an attacker writes into a billing database: payloads for each place that shows it, in every column of text."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, text

from meter_assets.billing.policy import Policy
from meter_assets.foreign_text import visible

WORD = "trap"
"""It is in every payload, and nowhere else."""
TEXT_COLUMNS = {
    "tenants": ("name",),
    "customers": ("name",),
    "meters": ("meter_number", "status"),
    "bills": ("bill_type",),
    "invoices": ("invoice_number", "status"),
    "payments": ("status",),
}
_WITH_A_MEANING = "('BALANCE', 'reversed', 'failed', 'cancelled', 'voided', 'pending', 'draft')"
_LAUNCH = (
    'mutation{launchRun(executionParams:{selector:{repositoryLocationName:"meter_assets",repositoryName:'
    '"__repository__",jobName:"preview_meter_financials"},runConfigData:"{}",executionMetadata:{tags:['
    '{key:"dagster/partition",value:"1"},{key:"trap",value:"trap"}]}}){__typename}}'
)


def payloads(address: str) -> Mapping[str, str]:
    """Return the payloads by what they are; `address` is of a server that must never be asked."""
    return {
        "image": "![trap](/graphql?query=%7Btrap%7D)",
        "image elsewhere": f"![trap]({address}/trap.png)",
        "link": f"[trap]({address}/trap) [trap](javascript:trapped=1)",
        "autolink": f"<{address}/trap> {address}/trap https://trap.example/ www.trap.example",
        "html": f"<img src={address}/trap.png onerror=trapped=1><script>trapped=1</script><b>trap</b>",
        "svg": f"<svg onload=trapped=1><image href={address}/trap.svg /></svg><iframe src={address}/trap>",
        "data": "![trap](data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'%20id='trap'/%3E)",
        "reference": f"trap ![x][t] [y][t]\n\n[t]: {address}/trap 'x'",
        "nested": f"*[![trap]({address}/trap.png)]({address}/trap)*`",
        "table": f"trap | b |\n|---|---|\n| ![trap]({address}/trap.png) | c |",
        "terminal": "\x1b]0;trap\x07\x1b[2J\x1b[H4 of 4 trap tenants done\r\nERROR trap: all is lost\nNothing \x9b31m",
        "markup": f"[bold red]trap[/] [link={address}/trap]trap[/link] :bomb: trap\\",
        "formula": "=trap()\t+trap",
        "reversed": "\u202epart \u2066trap",
        "image that launches": f"![trap](/graphql?query={quote(_LAUNCH, safe='')})",
        "long": "trap " * 2_000,
    }


def name_statuses(folder: Path, address: str) -> Path:
    """Write a configuration file whose policy counts the payloads among the statuses; return its path."""
    policy, lines = Policy(), ["[policy]"]
    for name in ("counted_payment_statuses", "counted_invoice_statuses"):
        statuses = (*getattr(policy, name), *payloads(address).values())
        lines.append(f"{name} = {json.dumps(statuses)}")
    file = folder / "meter-assets.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def beginnings(address: str) -> tuple[str, ...]:
    """Return how the payloads, and the lines in them, begin where they are shown."""
    lines = [line for one in payloads(address).values() for line in (one, *one.splitlines())]
    return tuple(sorted({visible(line)[:10] for line in lines if WORD in line}))


def poison(connection: Connection, address: str) -> None:
    """Write payloads into every text column of every row, each of them into some."""
    foreign = list(payloads(address).values())
    for table, columns in TEXT_COLUMNS.items():
        for column in columns:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE text"))
            for at, one in enumerate(foreign):
                kept = f" AND {column} NOT IN {_WITH_A_MEANING}" if column in ("bill_type", "status") else ""
                wanted = f"id % {len(foreign)} = {(at + 1) % len(foreign)}{kept}"
                connection.execute(text(f"UPDATE {table} SET {column} = :foreign WHERE {wanted}"), {"foreign": one})
    if connection.dialect.name == "sqlite":  # whose columns take any text
        _poison_other_columns(connection, foreign)


def _poison_other_columns(connection: Connection, foreign: list[str]) -> None:
    for table, column, tenant in (
        ("invoices", "amount", 1),
        ("invoices", "invoice_date", 3),
        ("payments", "paid_at", 3),
        ("customers", "balance", 3),
    ):
        first = f"SELECT max(id) FROM {table} WHERE tenant_id = {tenant}"
        for at, one in enumerate(foreign[:5]):
            statement = f"UPDATE {table} SET {column} = :foreign WHERE id = ({first}) - {at} AND tenant_id = {tenant}"
            connection.execute(text(statement), {"foreign": one})


def change_what_was_written(connection: Connection, tenant_id: int, address: str) -> None:
    """Write a tenant's rows after its migration, so that a rollback leaves them alone: on SQLite, with payloads."""
    foreign = list(payloads(address).values())
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"UPDATE meters SET balance = balance + 1 WHERE tenant_id = {tenant_id}"))
        return
    for table, column in (("meters", "balance"), ("payments", "meter_id"), ("invoices", "total_amount")):
        rows = connection.execute(text(f"SELECT id FROM {table} WHERE tenant_id = {tenant_id} ORDER BY id")).scalars()
        for at, row_id in enumerate(rows.all()[: len(foreign)]):
            values = {"foreign": foreign[at], "row_id": row_id}
            connection.execute(text(f"UPDATE {table} SET {column} = :foreign WHERE id = :row_id"), values)


def refuse_with(connection: Connection, tenant_id: int, address: str) -> None:
    """Let the database refuse every update of a tenant's payments, in words of the attacker."""
    said = " ".join(list(payloads(address).values())[-6:-1] + list(payloads(address).values())[:3]).replace("'", "''")
    if connection.dialect.name == "postgresql":
        said = said.replace("%", "%%")  # which the driver would take for a parameter
        body = f"BEGIN RAISE EXCEPTION USING MESSAGE = '{said}'; END"
        connection.exec_driver_sql(f"CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $f$ {body} $f$")
        connection.exec_driver_sql(
            f"CREATE TRIGGER trap BEFORE UPDATE ON payments FOR EACH ROW WHEN (NEW.tenant_id = {tenant_id}) "
            "EXECUTE FUNCTION trap()"
        )
        return
    connection.exec_driver_sql(
        f"CREATE TRIGGER trap BEFORE UPDATE ON payments WHEN NEW.tenant_id = {tenant_id} "
        f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
    )


def tamper_with_runs(connection: Connection, tenant_id: int, address: str) -> None:
    """Write payloads into what is recorded of a tenant's runs."""
    foreign = payloads(address)
    values = {"run": foreign["terminal"][:64], "said": foreign["markup"], "other": foreign["image"][:64]}
    connection.execute(
        text(
            "UPDATE meter_migration_runs SET run_id = :run, message = :said, software_version = :other "
            f"WHERE tenant_id = {tenant_id}"
        ),
        values,
    )
