"""Whose approval counts: that of somebody else than who runs the plan, however both are written."""

from pathlib import Path

import pytest

from meter_assets.errors import PlanRefused
from meter_assets.migration.person import Person
from meter_assets.migration.reviewed_plans import approval
from meter_assets.migration.reviewed_plans.approval import ApprovalRules, approve, require_approved
from meter_assets.migration.reviewed_plans.manifest import Manifest, read_manifest, write_manifest

RULES = ApprovalRules(required=True)
CASES = [
    ("anna", None, None, "anna", True),
    ("anna", None, None, "Anna", True),
    ("anna", "Ann Reviewer", None, "ANNA", True),
    ("carl", "anna", None, "anna", True),
    ("anna", None, "anna (UI)", "dagster", True),
    ("anna", None, "Anna@example.com (UI)", "dagster", True),
    ("anna", None, "anna@desk", "root", True),
    ("carl", "anna@example.com", "anna (UI)", "dagster", True),
    ("anna", None, "carl (UI)", "dagster", False),
    ("anna", None, "UI", "dagster", False),
    ("anna", "Ann", "schedule watch", "dagster", False),
    ("annabel", None, "anna (UI)", "dagster", False),
]
"""The user who approves, the name, who started the run, the user of its process; and whether they are the same."""


def plan_in(folder: Path) -> Manifest:
    """Write a plan of no steps; return its manifest."""
    values = {"tenant": "1", "tenant_name": "", "database": "", "policy": {}, "policy_digest": "", "created_at": ""}
    of_run = {"software_version": "1", "newest_step_run": 0, "would_fail": False, "steps": []}
    maker = Person(user="maker", host="desk")
    write_manifest(folder, Manifest.model_validate({**values, **of_run, "created_by": maker}))
    return read_manifest(folder)


@pytest.mark.parametrize(("approves", "name", "started_by", "runs", "is_same"), CASES)
def test_a_plan_needs_the_approval_of_somebody_else(
    approves: str,
    name: str | None,
    started_by: str | None,
    runs: str,
    is_same: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest = plan_in(tmp_path)
    monkeypatch.setattr(approval, "this_person", lambda: Person(user=approves, host="desk"))
    approve(tmp_path, name)
    monkeypatch.setattr(approval, "this_person", lambda: Person(user=runs, host="server"))
    if not is_same:
        require_approved(tmp_path, manifest, RULES, started_by)
        return
    with pytest.raises(PlanRefused, match="is the same user"):
        require_approved(tmp_path, manifest, RULES, started_by)
