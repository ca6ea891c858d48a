"""A policy may be a bool, an int, a Decimal, a choice or a list: from the TOML file and from the launchpad."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import Field

from meter_assets import settings
from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.defs.resources import PolicyResource, policy_resource
from meter_assets.errors import UnknownPolicy


class WiderPolicy(Policy):
    """The policies with one of each further type."""

    counts_drafts: bool = Field(default=False, description="Whether drafts count.")
    months: int = Field(default=12, ge=1, le=240, description="How many months count.")


@dg.op
def tell_policy(policy: PolicyResource) -> dict[str, Any]:
    return policy.policy().model_dump()


@dg.job
def tell() -> None:
    tell_policy()


def launched_with(**config: Any) -> dict[str, Any]:
    """Return the policy of a run that was launched with this config."""
    resource = policy_resource(WiderPolicy())
    result = tell.execute_in_process(
        run_config={"resources": {"policy": {"config": config}}}, resources={"policy": resource}
    )
    return dict(result.output_for_node("tell_policy"))


VALID: dict[str, tuple[str, Any, Any]] = {
    "bool": ("counts_drafts = true", True, True),
    "int": ("months = 24", 24, 24),
    "Decimal": ("tolerance = 2.50", "2.50", Decimal("2.50")),
    "StrEnum": ('balance_basis = "invoice_totals"', "invoice_totals", BalanceBasis.invoice_totals),
    "tuple of str": ('uncounted_invoice_statuses = ["draft"]', ["draft"], ("draft",)),
}


@pytest.mark.parametrize(("toml", "config", "expected"), VALID.values(), ids=VALID.keys())
def test_a_policy_of_each_type_loads(
    toml: str, config: Any, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = toml.partition(" ")[0]
    file = tmp_path / "policy.toml"
    file.write_text(f"[policy]\n{toml}\n", encoding="utf-8")
    monkeypatch.setattr(settings, "Policy", WiderPolicy)
    monkeypatch.setenv(settings.CONFIG_VARIABLE, str(file))
    configured = settings.policy()
    assert getattr(configured, name) == expected
    assert policy_resource(configured).policy() == configured, "the file's values are the launchpad's defaults"
    assert launched_with(**{name: config}) == {**WiderPolicy().model_dump(), name: expected}


INVALID = {
    "bool": ("counts_drafts", "maybe", "Policy 'counts_drafts' cannot be 'maybe'; expected true or false."),
    "int": ("months", "1.5", "Policy 'months' cannot be '1.5'; expected a whole number, 1 or more, 240 or less."),
    "int out of bounds": ("months", 0, "Policy 'months' cannot be 0; expected a whole number, 1 or more, 240 or less."),
    "Decimal": ("tolerance", "much", "cannot be 'much'; expected a number of currency units, 0 or more."),
    "StrEnum": ("balance_basis", "totals", "its values are: charges_and_opening_balance, invoice_totals."),
    "tuple of str": ("uncounted_invoice_statuses", "draft", "cannot be 'draft'; expected a list of strings."),
    "null": ("months", None, "Policy 'months' cannot be None; expected a whole number, 1 or more, 240 or less."),
    "unknown": ("days", 1, "Unknown policy 'days'; the policies are: customers_without_active_meter, "),
}


@pytest.mark.parametrize(("name", "value", "sentence"), INVALID.values(), ids=INVALID.keys())
def test_an_invalid_policy_gets_a_sentence_that_lists_what_is_valid(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(UnknownPolicy) as error:
        WiderPolicy.from_values({name: value})
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [({"months": None}, "whole number"), ({"months": 0}, "cannot be 0"), ({"counts_drafts": None}, "true or false")],
)
def test_what_only_the_policy_refuses_gets_the_sentence_in_a_run(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnknownPolicy, match=sentence):
        launched_with(**config)


@pytest.mark.parametrize("config", [{"months": "many"}, {"counts_drafts": 1}, {"days": 1}])
def test_what_has_another_type_is_refused_at_launch(config: dict[str, Any]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=next(iter(config))):
        launched_with(**config)
