"""A run config with values that cannot be used does not become a run."""

from pathlib import Path
from typing import Any

import pytest

from meter_assets.errors import ConfigurationError
from tests.support.watching import instance_in


def policy(name: str = "policy", **values: Any) -> dict[str, Any]:
    return {"resources": {name: {"config": values}}}


REFUSED = {
    "tolerance": (policy(tolerance="abc"), "Policy 'tolerance' cannot be 'abc'"),
    "bounds of a policy": (policy(currency_decimals=9), "Policy 'currency_decimals' cannot be 9"),
    "policy of a named database": (policy("policy_north", tolerance="-1"), "Policy 'tolerance' cannot be '-1'"),
    "two meanings": (
        policy(counted_payment_statuses=["odd"], uncounted_payment_statuses=["odd"]),
        "'odd' cannot be in both",
    ),
    "no rows": ({"ops": {"meter_balances": {"config": {"batch_size": 0}}}}, "batch_size of meter_balances is 0"),
    "too many rows": ({"ops": {"undo_steps": {"config": {"batch_size": 10**12}}}}, "expected a number of rows"),
}


def test_a_run_config_that_cannot_be_used_does_not_become_a_run(tmp_path: Path) -> None:
    with instance_in(tmp_path / "dagster") as instance:
        for name, (run_config, sentence) in REFUSED.items():
            with pytest.raises(ConfigurationError, match=sentence.replace("(", r"\(")):
                instance.create_run(job_name="migrate_meter_financials", run_config=run_config)  # type: ignore[call-arg]
            assert instance.get_runs_count() == 0, name
