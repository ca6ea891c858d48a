"""What is measured: the migration by meter-assets, by hand, row by row and with pandas, and its parts.

Each contender is a function of the URL of a fresh copy and the tenants to migrate. Add one here, and its row in
`measure`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, create_engine, text

from bench.speed.by_hand import BARE_WRITES, FUSED, STEPS, statement
from meter_assets.billing.policy import Policy
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import evaluate
from meter_assets.migration.rollback import roll_back
from meter_assets.migration.step_run import StepRun
from meter_assets.migration.temporary_tables import materialized
from meter_assets.reports.preview import preview
from meter_assets.rules.invariants import Invariant, of_group
from meter_assets.rules.steps import MIGRATION, invariants_about
from meter_assets.rules.steps import STEPS as OURS

Work = Callable[[], object]
POLICY = Policy.from_values({})
ROWS_OF_A_CHUNK = 500
SAMPLED_ROWS = 2_000


class Ours:
    """The migration by meter-assets, without Dagster."""

    def __init__(self, url: str, tenants: Sequence[int]) -> None:
        """Take the database, and create our own tables in it."""
        self.database = BillingDatabase(url)
        self.database.remember()
        self.tenants: list[Tenant] = self.database.tenants([str(one) for one in tenants])
        with self.database.transaction() as connection:
            self.database.make_own_tables(connection)
        self._runs = 0

    def _each(self, work: Callable[[Tenant], object]) -> None:
        for tenant in self.tenants:
            work(tenant)
        self.database.release()

    def preview(self, *, validate: bool) -> None:
        """Preview each tenant."""
        self._each(lambda tenant: preview(self.database, tenant, POLICY, validate=validate))

    def live(self, *, checks: bool = False, batch_size: int | None = None) -> None:
        """Migrate each tenant; with `checks`, evaluate the checks of each step after it, as the job does."""
        self._runs += 1

        def migrate(tenant: Tenant) -> None:
            for name in MIGRATION:
                size = batch_size if OURS[name].batchable else None
                run_step(self.database, StepRun(name, tenant, f"bench {self._runs}", POLICY, batch_size=size))
                if checks:
                    self._check(tenant, [one for group in OURS[name].checks for one in of_group(group)])

        self._each(migrate)

    def _check(self, tenant: Tenant, invariants: Sequence[Invariant]) -> None:
        if invariants:
            with self.database.read(POLICY) as snapshot:
                relations = materialized(snapshot.relations(tenant.id), snapshot.tables)
                evaluate(snapshot.connection, invariants, relations)

    def validate(self) -> None:
        """Evaluate all checks of each tenant in one snapshot, as the job of the validation does."""
        self._each(lambda tenant: self._check(tenant, invariants_about(MIGRATION)))

    def roll_back(self) -> None:
        """Roll each tenant back."""
        self._each(lambda tenant: list(roll_back(self.database, tenant, "bench rollback", POLICY)))


def prepare_by_hand(url: str) -> None:
    """Create the tables of the journal."""
    Ours(url, [1])


def by_hand(url: str, tenants: Sequence[int]) -> None:
    """Migrate the tenants with hand-written SQL: one transaction per step and tenant."""
    engine = create_engine(url)
    for tenant in tenants:
        for number, step in enumerate(STEPS):
            with engine.begin() as connection:
                for template in step:
                    _execute(connection, statement(template, engine.dialect.name, tenant, 1_000_000 + number))
    engine.dispose()


def fused(url: str, tenants: Sequence[int], *, verdicts: bool) -> None:
    """Compute all figures of a dry run in one hand-written SELECT per tenant."""
    engine = create_engine(url)
    for tenant in tenants:
        with engine.connect() as connection:
            _execute(connection, statement(FUSED, engine.dialect.name, tenant, verdicts=verdicts))
    engine.dispose()


def bare_writes(url: str, tenants: Sequence[int]) -> None:
    """Write the same rows with constants, and nothing else."""
    engine = create_engine(url)
    for tenant in tenants:
        for template in BARE_WRITES:
            with engine.begin() as connection:
                _execute(connection, statement(template, engine.dialect.name, tenant))
    engine.dispose()


def _execute(connection: Connection, sql: str) -> None:
    found = connection.exec_driver_sql(sql.replace("%", "%%") if connection.dialect.name == "postgresql" else sql)
    if found.returns_rows:
        found.all()


def row_by_row(url: str, tenant: int) -> float:
    """Give payments their meters as the replaced commands did: chunks of 500, a SELECT and an UPDATE for each row.

    Works on a sample; returns by how much its cost must be multiplied for the whole tenant.
    """
    engine = create_engine(url)
    done, last = 0, 0
    with engine.connect() as connection:
        wanted = "FROM payments WHERE tenant_id = :t AND meter_id IS NULL"
        of_all = connection.scalar(text(f"SELECT count(*) {wanted}"), {"t": tenant}) or 0
        while done < min(SAMPLED_ROWS, of_all):
            chunk = connection.execute(
                text(f"SELECT id, invoice_id, customer_id {wanted} AND id > :l ORDER BY id LIMIT {ROWS_OF_A_CHUNK}"),
                {"t": tenant, "l": last},
            ).all()
            for row in chunk:
                _give_meter(connection, tenant, row)
            connection.commit()
            done, last = done + len(chunk), chunk[-1].id
    engine.dispose()
    return of_all / done if done else 1.0


def _give_meter(connection: Connection, tenant: int, row: Any) -> None:
    if row.invoice_id is not None:
        found = "SELECT meter_id FROM invoices WHERE id = :i AND tenant_id = :t"
    else:
        found = "SELECT meter_id FROM meter_assignments WHERE customer_id = :c AND tenant_id = :t AND is_active LIMIT 1"
    values = {"i": row.invoice_id, "c": row.customer_id, "t": tenant}
    meter = connection.scalar(text(found), {key: values[key] for key in ("i" if row.invoice_id else "c", "t")})
    connection.execute(text("UPDATE payments SET meter_id = :m WHERE id = :p"), {"m": meter, "p": row.id})


def with_pandas(url: str, tenant: int) -> None:
    """Give payments their meters with pandas: read, merge, and write back in one statement per 10,000 rows."""
    engine = create_engine(url)
    with engine.begin() as connection:

        def read(sql: str) -> pd.DataFrame:
            return pd.read_sql(text(sql), connection)

        payments = read(
            f"SELECT id, invoice_id, customer_id FROM payments WHERE tenant_id = {tenant} AND meter_id IS NULL"
        )
        invoices = read(f"SELECT id AS invoice_id, meter_id FROM invoices WHERE tenant_id = {tenant}")
        made = read(f"SELECT customer_id, meter_id AS of_customer FROM meter_assignments WHERE tenant_id = {tenant}")
        merged = payments.merge(invoices, on="invoice_id", how="left").merge(made, on="customer_id", how="left")
        merged["meter_id"] = merged["meter_id"].fillna(merged["of_customer"]).astype("int64")
        merged[["id", "meter_id"]].to_sql("bench_meters", connection, index=False, chunksize=10_000, method="multi")
        connection.execute(
            text("UPDATE payments SET meter_id = b.meter_id FROM bench_meters b WHERE b.id = payments.id")
        )
    engine.dispose()
