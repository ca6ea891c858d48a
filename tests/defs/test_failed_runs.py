"""The end of a failed run's log: the check, its rows and what to do, without a stack trace."""

from collections.abc import Iterator

import dagster as dg
import pytest
from sqlalchemy import text

from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource
from meter_assets.errors.steps import BlockedByInvariants
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.runtime import run_tags
from tests.support.command_line import make_small_tenants

WITHOUT_METER = "every_counted_invoice_has_a_meter"
REMEDY = next(one.remedy for one in INVARIANTS if one.name == WITHOUT_METER)
A_DATE = next(one.remedy for one in INVARIANTS if one.name == "every_date_is_valid")
A_LINK = "http://example.com/x"


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """A healthy tenant; one with invoices without a meter; one with a date that is a link."""
    path = tmp_path_factory.mktemp("billing") / "billing.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}")
    with BillingDatabase(f"sqlite:///{path}").transaction() as connection:
        for statement in (
            "UPDATE invoices SET meter_id = NULL WHERE id IN (SELECT id FROM invoices WHERE tenant_id = 2 LIMIT 2)",
            f"UPDATE payments SET paid_at = '{A_LINK}' WHERE tenant_id = 3",
        ):
            connection.execute(text(statement))
    return build_definitions({"billing": BillingResource(url=f"sqlite:///{path}")})


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions(str(TENANTS.name), list("123"))
        yield made


def failed(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, tenant: str) -> dg.ExecuteInProcessResult:
    found = defs.resolve_job_def(job)
    of_tenant = {"partition_key": tenant} if found.partitions_def else {"tags": {run_tags.PARTITION: tenant}}
    ended = found.execute_in_process(instance=instance, raise_on_error=False, **of_tenant)
    assert not ended.success
    return ended


def last_lines(ended: dg.ExecuteInProcessResult) -> list[str]:
    """Return the last entry of the run's log. It and the failure of the step have no stack trace."""
    last = ended.all_events[-1]
    assert last.is_job_failure
    errors = [one.step_failure_data.error for one in ended.get_step_failure_events()]
    for error in (last.job_failure_data.error, *errors):
        assert error is not None
        assert (error.stack, error.cause, error.context) == ([], None, None)
    return str(last.job_failure_data.error and last.job_failure_data.error.message).splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("job", ["migrate_meter_financials", "validate_meter_financial_data"])
def test_a_failed_check_ends_the_log_with_its_rows_and_the_remedy(
    job: str, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    ended = failed(defs, instance, job, "2")
    (failure,) = [
        one.step_failure_data.user_failure_data
        for one in ended.get_step_failure_events()
        if one.step_key == "invoice_amounts_checks"
    ]
    assert failure is not None
    said = str(failure.description).splitlines()
    assert said[0] == "1 check of invoice_amounts failed for tenant 2."
    assert said[1].startswith(f"{WITHOUT_METER}: 2 rows violate it, such as tenant_id 2, invoice_id ")
    assert said[2:] == [f"What to do: {REMEDY}"]
    rows = failure.metadata[WITHOUT_METER.replace("_", " ")]
    assert isinstance(rows, dg.TableMetadataValue)
    assert len(rows.records) == 2
    assert last_lines(ended)[-1].startswith("What to do: ")
    if job == "migrate_meter_financials":
        assert last_lines(ended) == said


@pytest.mark.slow
def test_a_refused_step_ends_the_log_with_the_rows_and_the_remedy(
    defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    ended = failed(defs, instance, "migrate_meter_financials_without_validation", "2")
    (said,) = last_lines(ended)
    assert said.startswith("meter_balances of tenant 2 was refused, nothing was changed: ")
    assert f"; {WITHOUT_METER}: 2 violations, such as " in said
    assert f" {REMEDY} To write despite the violations, set allow_invalid" in said


def test_text_of_the_database_is_no_link_in_the_log(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    said = "\n".join(last_lines(failed(defs, instance, "migrate_meter_financials", "3")))
    assert said.endswith(f"What to do: {A_DATE}")
    assert A_LINK not in said
    assert A_LINK in said.replace("\u200b", "")


@pytest.mark.parametrize(
    ("remedies", "advice"),
    [
        (["Enter the date."], "What to do: Enter the date."),
        (["Enter it.", "Enter it."], "What to do: Enter it."),
        (["a", "b", "c", "d"], "Fix these rows, or set the policy"),
        ([], "Fix these rows, or set the policy"),
    ],
)
def test_a_refusal_says_what_to_do_about_few_invariants(remedies: list[str], advice: str) -> None:
    violated = {f"invariant_{at}": (1, "id 7") for at in range(max(1, len(remedies)))}
    refused = BlockedByInvariants("invoice_amounts", "2", violated, remedies=remedies, of_values=True)
    assert f". {advice}" in str(refused)
