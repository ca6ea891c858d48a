"""A command that ends early: what it prints, and that the same command, given again, continues."""

from pathlib import Path
from typing import Any

import pytest

from meter_assets.cli import resuming, session
from meter_assets.cli.runner import run_tenant
from tests.support.command_line import ALSO_HEALTHY, HEALTHY, CommandLine, Ended, on_small_tenants

MIGRATE = ("migrate-meter-financials", "--yes")
CONTINUES = "Skipped, because it has finished them: tenants 1. Add --no-skip to run all."
pytestmark = pytest.mark.slow


def interrupted(shell: CommandLine, *arguments: str, at: str = ALSO_HEALTHY) -> Ended:
    """Give a command, and press Ctrl-C when it starts this tenant's run."""

    def run_or_interrupt(instance: Any, definitions: Any, launch: Any, tenant: Any, watch: Any) -> Any:
        if tenant.key == at:
            raise KeyboardInterrupt
        return run_tenant(instance, definitions, launch, tenant, watch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "run_tenant", run_or_interrupt)
        return shell(*arguments)


def tenants_run(ended: Ended) -> list[str]:
    return [line.split()[1] for line in ended.printed.splitlines() if line.startswith("Tenant ")]


def test_an_interrupted_command_says_what_is_done_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "billing.db").touch()
    shell = on_small_tenants(tmp_path / "work", f"sqlite:///{tmp_path}/billing.db", monkeypatch)
    dry = interrupted(shell, "migrate-meter-financials", "--dry-run")
    assert (dry.status, "Interrupted. Nothing was written." in dry.printed) == (130, True)
    first = interrupted(shell, *MIGRATE, at=HEALTHY)
    assert "Done: none Under way: 1 Not begun: 2, 3" in first.words

    ended = interrupted(shell, *MIGRATE)
    assert ended.status == 130
    assert "Done: 1 Under way: 2 Not begun: 3 Continue:" in ended.words
    assert "meter-assets migrate-meter-financials --yes" in ended.words
    assert "The current step, or its current batch, was rolled back" in ended.words

    other = shell("backfill-payment-meter-ids", "--yes", "--tenant", "3")
    assert "Continues" not in other.printed, "it is another command"
    again = interrupted(shell, *MIGRATE)
    assert CONTINUES in again.words
    assert tenants_run(again) == ["2"]
    config = tmp_path / "policy.toml"
    config.write_text("[policy]\ntolerance = 7.00\n")
    shell.environment["METER_ASSETS_CONFIG"] = str(config)
    assert "Continues" not in interrupted(shell, *MIGRATE, at=HEALTHY).printed, "the policy is another one"
    del shell.environment["METER_ASSETS_CONFIG"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resuming, "has_ended_here", lambda run: False)
        assert "Continues" not in interrupted(shell, *MIGRATE, at=HEALTHY).printed, "it has not ended"
    whole = interrupted(shell, *MIGRATE, "--no-skip", at="3")
    assert tenants_run(whole) == ["1", "2", "3"], "it is told to run all"

    assert shell("rollback", "--yes", "--tenant", HEALTHY).status == 0
    last = shell(*MIGRATE)
    assert (last.status, tenants_run(last)) == (0, ["1", "2", "3"]), "what was rolled back is not skipped"
    assert "Nothing had to be changed" in shell(*MIGRATE).words, "a command that has ended is not continued"
