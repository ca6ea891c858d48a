"""A step that the product does not have, given by its one value: everything that is keyed by a step follows from it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import literal, literal_column, select, text

from meter_assets.billing.change import Change, changed_columns, outcome_columns
from meter_assets.billing.money import amount, exact, or_zero, stored
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.definitions import build_definitions
from meter_assets.defs.metadata import REPORT
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource
from meter_assets.defs.step_asset import step_asset
from meter_assets.engines.base import Purpose
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.preview import preview
from meter_assets.rules.invariants import Group, named
from meter_assets.rules.steps import STEPS, Step, StepGuards
from tests.support.command_line import HEALTHY, CommandLine, make_small_tenants


def same_statuses(relations: BillingRelations) -> Change:
    """Write the same status into all meters: a column that holds no money."""
    meter = relations.rows["meters"]
    wanted = literal_column("'in use'", meter.c.status.type)
    same, rule = meter.c.status.is_not_distinct_from(wanted), literal("in_use")
    return Change(
        STATUSES,
        examined=select(
            meter.c.tenant_id,
            meter.c.id,
            *outcome_columns(same, rule, rule),
            STATUSES.worth_of(meter).label("money"),
            *changed_columns(meter, {"status": wanted}),
        ),
    )


def raise_amounts(relations: BillingRelations) -> Change:
    """Let no payment be of less than 10,000.29: money, and of no pair of columns."""
    payment = relations.payments
    least = amount(Decimal("10000.29"))
    below = or_zero(exact(payment.c.amount)) < least
    rule = literal("raised")
    return Change(
        AMOUNTS,
        examined=select(
            payment.c.tenant_id,
            payment.c.id,
            *outcome_columns(~below, rule, rule),
            AMOUNTS.worth_of(payment).label("money"),
            *changed_columns(payment, {"amount": stored(least)}),
        ),
    )


STATUSES = Step(
    name="meter_statuses",
    title="Write one status into all meters",
    table="meters",
    key="meter_id",
    columns=("status",),
    worth=(("balance", 1), ("overpayment", -1)),
    sum_title="net of meters in use",
    sum_metric="in_use",
    context=("meter_number",),
    guards=StepGuards(before=named("every_payment_amount_is_a_number")),
    compute=same_statuses,
)
AMOUNTS = Step(
    name="payment_amounts",
    title="Raise payments to a least amount",
    table="payments",
    key="payment_id",
    columns=("amount",),
    money=("amount",),
    worth=(("amount", 1),),
    context=("customer_id",),
    for_review=frozenset({"raised"}),
    guards=StepGuards(after=named("every_payment_amount_is_a_number")),
    compute=raise_amounts,
)
SHOWN = {
    STATUSES.name: "SELECT id, status FROM meters ORDER BY id",
    AMOUNTS.name: "SELECT id, amount FROM payments ORDER BY id",
}


@dataclass
class Sixth:
    """A step beside the product's own, with its asset, on a small billing database."""

    step: Step
    url: str
    defs: dg.Definitions
    instance: dg.DagsterInstance

    def rows(self, statement: str) -> list[Any]:
        """Return what a statement finds in the billing database."""
        with BillingDatabase(self.url).snapshot() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    @property
    def written(self) -> list[Any]:
        """The column that the step writes, of every row."""
        return self.rows(SHOWN[self.step.name])

    def run(self, job: str, op: str, **config: Any) -> dict[str, Any]:
        """Run a job for a tenant, and return the report in its metadata."""
        ended = self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=HEALTHY,
            run_config={"ops": {op: {"config": config}}} if config else {},
        )
        found = [
            event.step_materialization_data.materialization.metadata
            for event in ended.all_events
            if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION
        ]
        return found[-1][REPORT].value if found else {}  # type: ignore[return-value]


@pytest.fixture(params=[STATUSES, AMOUNTS], ids=lambda step: step.name)
def sixth(request: pytest.FixtureRequest, billing_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sixth]:
    step: Step = request.param
    monkeypatch.setitem(STEPS, step.name, step)
    make_small_tenants(billing_url)
    asset = step_asset(step, deps=[step.table], description="A step of a test.")
    job = dg.define_asset_job("sixth", selection=[asset])
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(TENANTS.name), ["1", "2", "3"])
        ours = build_definitions({"billing": BillingResource(url=billing_url)})
        yield Sixth(step, billing_url, dg.Definitions.merge(ours, dg.Definitions(assets=[asset], jobs=[job])), instance)


def test_a_sixth_step_has_an_asset_with_its_columns(sixth: Sixth) -> None:
    node = sixth.defs.resolve_asset_graph().get(dg.AssetKey(sixth.step.name))
    columns = node.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == ["id", "tenant_id", *sixth.step.columns]
    assert node.tags["writes"] == sixth.step.table
    assert node.partitions_def == TENANTS


@pytest.mark.slow
@pytest.mark.parametrize("config", [{}, {"batch_size": 3}], ids=["whole", "in batches"])
def test_a_sixth_step_previews_runs_journals_reports_and_rolls_back(
    sixth: Sixth, config: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, before = sixth.step.name, sixth.written
    previewed = sixth.run("preview_meter_financials", "migration_preview", steps=[name])["steps"][-1]
    assert sixth.written == before

    report = sixth.run("sixth", name, **config)
    after = sixth.written
    changed = [one for one, other in zip(before, after, strict=True) if one != other]
    assert changed
    assert sum(one["rows"] for one in report["rules"].values()) == len(changed)
    assert {key: report[key] for key in ("rules", "sums", "unresolved", "already_correct")} == {
        key: previewed[key] for key in ("rules", "sums", "unresolved", "already_correct")
    }
    assert {row["id"] for row in report["largest"]} <= {str(row[0]) for row in changed}
    journaled = sixth.rows(f"SELECT {sixth.step.key} FROM {sixth.step.journal}")
    assert sorted(journaled) == sorted((row[0],) for row in changed)
    assert sixth.run("sixth", name, **config)["rules"] == {}, "run again, it changes nothing"
    shell = CommandLine(tmp_path, sixth.url)
    told = shell("history", "--steps", "--tenant", HEALTHY)
    assert name in told.words

    undone = shell("rollback", "--tenant", HEALTHY, "--yes")
    assert undone.status == 0, undone.printed
    assert sixth.written == before


def test_a_preview_reports_what_a_sixth_step_leaves_not_what_it_finds(
    billing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its guard is evaluated before it, and violated by what it then corrects."""
    guard = named("every_counted_payment_has_an_amount")
    monkeypatch.setitem(STEPS, AMOUNTS.name, replace(AMOUNTS, guards=StepGuards(before=guard)))
    make_small_tenants(billing_url)
    database = BillingDatabase(billing_url)
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE payments SET amount = NULL WHERE id = 1")
    found = preview(database, database.tenants([HEALTHY])[0], Policy(), steps=[AMOUNTS.name])
    of_the_backup = (Group.backup, Group.values)
    guarding = [(one.name, one.violations) for one in found.results or () if one.group not in of_the_backup]
    assert guarding == [(guard[0].name, 0)]


def test_a_sixth_step_has_its_rights_granted(sixth: Sixth, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CommandLine(tmp_path, sixth.url)("grants", Purpose.migrate.value, "somebody")
    if sixth.url.startswith("sqlite"):
        assert ended.status == 2, "a file of SQLite has no roles"
        return
    granted = ended.words
    assert sixth.step.journal in granted
    assert f"UPDATE ({', '.join(sixth.step.columns)}) ON" in granted.replace("`", "")
