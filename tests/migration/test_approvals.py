"""Whose approval counts: that of somebody else than who runs the plan, however both are written."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meter_assets.errors import InvalidSettings, PlanRefused, PlanUnusable
from meter_assets.migration.person import Person
from meter_assets.migration.reviewed_plans import approval
from meter_assets.migration.reviewed_plans.approval import ApprovalRules, approve, require_approved
from meter_assets.migration.reviewed_plans.manifest import (
    APPROVAL,
    MANIFEST,
    Manifest,
    hash_of_file,
    planned_tenants,
    read_manifest,
    write_manifest,
)

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
    ("carl", " Anna ", "anna (UI)", "dagster", True),
    ("OFFICE\\anna", None, "anna@example.com (UI)", "dagster", True),
    ("carl", "anna", None, "OFFICE\\Anna", True),
    ("josé", None, "jose\u0301 (UI)", "dagster", True),
    ("anna", None, "an\u200bna@example.com (UI)", "dagster", True),
    ("anna", None, "\uff21nna (UI)", "dagster", True),
    ("anna", None, "anná (UI)", "dagster", False),
]
"""The user who approves, the name, who started the run, the user of its process; and whether they are the same."""


def plan_in(folder: Path) -> Manifest:
    """Write a plan of no steps; return its manifest."""
    values = {"tenant": "1", "tenant_name": "", "database": "", "policy": {}, "policy_digest": "", "created_at": ""}
    values["mapping_digest"] = ""
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


SIGNERS = {
    "one principal": ("ann@example.com {ann}", ""),
    "several principals": ("bea,ann@example.com {ann}", ""),
    "one key on two lines": ("bea {ann}\n# no key\nann@example.com {ann}", ""),
    "a line that is no key": ("bea\nann {ann}", ""),
    "a certificate": ("*@example.com cert-authority {ca}", ""),
    "another key": ("ann@example.com {bea}", "No principal matched"),
    "a pattern": ("*@example.com {ann}", '"*@example.com" is a pattern, which does not say who has signed'),
    "all but one": ("!bea,* {ann}", "is a pattern, which does not say who has signed"),
    "expired": ('ann@example.com valid-before="20200101" {ann}', "key has expired"),
    "not yet valid": ('ann@example.com valid-after="20990101" {ann}', "key is not yet valid"),
    "of another namespace": ('ann@example.com namespaces="git" {ann}', "not permitted for use in signature namespace"),
    "nobody": ("# {ann}", "No principal matched"),
}
"""The line of the file of allowed signers for a plan that Ann has signed, and why her signature does not count."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys of two persons and of an authority, which has certified Ann's, each without passphrase."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ann", "bea", "ca"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    certify = ["ssh-keygen", "-q", "-s", "ca", "-I", "ann", "-n", "ann@example.com", "ann.pub"]
    subprocess.run(certify, check=True, cwd=folder)
    return folder


@pytest.mark.parametrize("name", SIGNERS)
def test_who_has_signed_is_known(name: str, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the signature does not count, and the refusal says why."""
    manifest, (line, why) = plan_in(tmp_path), SIGNERS[name]
    public = {key: (keys / f"{key}.pub").read_text().strip() for key in ("ann", "bea", "ca")}
    allowed = tmp_path / "signers"
    allowed.write_text(line.format(**public) + "\n")
    monkeypatch.setattr(approval, "this_person", lambda: Person(user="ann", host="desk"))
    approve(tmp_path, key=keys / ("ann-cert.pub" if name == "a certificate" else "ann"))
    monkeypatch.setattr(approval, "this_person", lambda: Person(user="runner", host="server"))
    rules = ApprovalRules(required=True, allowed_signers=allowed)
    if not why:
        require_approved(tmp_path, manifest, rules)
        monkeypatch.setattr(approval, "this_person", lambda: Person(user="Ann", host="server"))
        with pytest.raises(PlanRefused, match="is the same user"):
            require_approved(tmp_path, manifest, rules)
        return
    with pytest.raises(PlanRefused, match="has no valid signature") as refused:
        require_approved(tmp_path, manifest, rules)
    assert why in str(refused.value)
    assert f"'meter-assets approve {tmp_path.parent} --key FILE'" in str(refused.value)


@pytest.mark.parametrize("runs", ["bea", "ann"])
def test_a_key_on_two_lines_is_of_both_users(
    runs: str, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, allowed = plan_in(tmp_path), tmp_path / "signers"
    allowed.write_text("".join(f"{name} {(keys / 'ann.pub').read_text()}" for name in ("bea", "ann")))
    monkeypatch.setattr(approval, "this_person", lambda: Person(user="carl", host="desk"))
    approve(tmp_path, key=keys / "ann")
    monkeypatch.setattr(approval, "this_person", lambda: Person(user=runs, host="server"))
    with pytest.raises(PlanRefused, match="is the same user"):
        require_approved(tmp_path, manifest, ApprovalRules(required=True, allowed_signers=allowed))


def test_a_key_that_cannot_sign_says_why(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among them one with a passphrase that nobody can be asked for; nothing is approved."""
    plan_in(tmp_path)
    locked = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "locked")]
    subprocess.run(locked, check=True)
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    (tmp_path / "text").write_text("no key")
    for name, said in (("locked", "has a passphrase"), ("text", "cannot sign: "), (".", "cannot sign: ")):
        with pytest.raises(InvalidSettings, match=said) as refused:
            approve(tmp_path, key=tmp_path / name)
        assert str(refused.value).endswith(". Nothing was approved.")
        assert "\\r" not in str(refused.value)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidSettings, match="ssh-keygen is not there"):
        approve(tmp_path, key=keys / "ann")
    assert not (tmp_path / APPROVAL).exists()


def test_a_signature_of_another_plan_does_not_count(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = tmp_path / "signers"
    allowed.write_text(f"ann {(keys / 'ann.pub').read_text()}")
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        plan_in(tmp_path / name)
        approve(tmp_path / name, name=name, key=keys / "ann")
    (tmp_path / "1" / f"{APPROVAL}.sig").write_bytes((tmp_path / "2" / f"{APPROVAL}.sig").read_bytes())
    with pytest.raises(PlanRefused, match="has no valid signature"):
        require_approved(tmp_path / "1", read_manifest(tmp_path / "1"), ApprovalRules(True, allowed))


def with_steps(folder: Path, **values: object) -> None:
    """Write the manifest again, with one step that has these values."""
    step = {"step": "x", "rows": 0, "digest": "", "rules": {}, "money": {}, "file": "x.csv", "sha256": ""} | values
    document = json.loads((folder / MANIFEST).read_text())
    write_manifest(folder, Manifest.model_validate({**document, "steps": [step]}))


HOSTILE: dict[str, tuple[Callable[[str], str], str]] = {
    "a name twice": (lambda text: text.replace('"tenant":', '"tenant": "2", "tenant":'), "is not the manifest of a"),
    "a name twice in the policy": (lambda text: text.replace('"policy": {', '"policy": {"a": 1, "a": 1'), "is not the"),
    "a huge id": (lambda text: text.replace('"newest_step_run": 0', f'"newest_step_run": {2**63}'), "is not the"),
    "a negative id": (lambda text: text.replace('"newest_step_run": 0', '"newest_step_run": -1'), "is not the"),
    "no JSON": (lambda text: "[" * 100_000, "is not the manifest of a"),
    "a text of half a character": (
        lambda text: text.replace('"tenant_name": ""', '"tenant_name": "\\ud800"'),
        "is not the",
    ),
    "not a number": (lambda text: text.replace('"policy": {', '"policy": {"a": NaN'), "was altered"),
}
"""What somebody makes of a manifest, and what is said."""


@pytest.mark.parametrize(("changed", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_manifest_is_refused(changed: Callable[[str], str], said: str, tmp_path: Path) -> None:
    """Also one that a person may read otherwise than a program."""
    plan_in(tmp_path)
    path = tmp_path / MANIFEST
    path.write_text(changed(path.read_text()))
    with pytest.raises(PlanUnusable, match=said):
        approve(tmp_path)


FILES = {
    "no name": ({"file": ""}, '"" is not the name of a file'),
    "a long name": ({"file": "a" * 300}, "cannot be read: File name too long"),
    "another folder": ({"file": "../x.csv"}, "is not the name of a file"),
    "a terminal's words": ({"file": "\x1b[2J"}, r"\\x1b\[2J"),
}


@pytest.mark.parametrize(("values", "said"), FILES.values(), ids=FILES)
def test_a_manifest_names_files_of_its_folder(values: dict[str, object], said: str, tmp_path: Path) -> None:
    plan_in(tmp_path)
    with_steps(tmp_path, **values)
    with pytest.raises(PlanUnusable, match=said):
        approve(tmp_path)


@pytest.mark.parametrize("amount", ["1e999999999", "-1e999999999", "NaN", "sNaN", "Infinity", "seven"])
def test_money_of_a_manifest_is_compared_whatever_it_says(amount: str, tmp_path: Path) -> None:
    plan_in(tmp_path)
    (tmp_path / "x.csv").write_text("id,balance_before,balance_after,rule\r\n1,0.00,1.00,r\r\n")
    digest = hash_of_file(tmp_path / "x.csv")
    with_steps(tmp_path, rows=1, rules={"r": 1}, sha256=digest, money={"balance": {"before": amount, "after": "1.00"}})
    with pytest.raises(PlanUnusable, match="do not change the sum balance by what the manifest says"):
        approve(tmp_path)


PARQUET: dict[str, Callable[[Any], Any]] = {
    "a day after all days": lambda arrow: arrow.array([2**31 - 1], arrow.date32()),
    "a moment after all moments": lambda arrow: arrow.array([2**62], arrow.timestamp("ms")),
    "bytes that are no text": lambda arrow: arrow.Array.from_buffers(
        arrow.string(), 1, arrow.array([b"\xff"]).buffers()
    ),
}
"""Values that Parquet can have, and Python cannot."""


@pytest.mark.parametrize("column", PARQUET.values(), ids=PARQUET)
def test_values_of_parquet_that_cannot_be_read_are_refused(column: Callable[[Any], Any], tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    plan_in(tmp_path)
    path = tmp_path / "x.parquet"
    parquet.write_table(arrow.table({"id": [1], "rule": column(arrow)}), path)
    with_steps(tmp_path, rows=1, rules={"r": 1}, file=path.name, sha256=hash_of_file(path))
    with pytest.raises(
        PlanUnusable, match=r"x\.parquet has no rows in the form of a plan: .*[^.]\. Make the plan again"
    ):
        approve(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"id,rule\n1,r\n", b"PAR1" * 9])
def test_a_file_that_is_no_parquet_is_refused(damage: bytes, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    plan_in(tmp_path)
    (path := tmp_path / "x.parquet").write_bytes(damage)
    with_steps(tmp_path, rows=1, rules={"r": 1}, file=path.name, sha256=hash_of_file(path))
    with pytest.raises(
        PlanUnusable, match=r"x\.parquet has no rows in the form of a plan: .*[^.]\. Make the plan again"
    ):
        approve(tmp_path)


def test_two_folders_with_the_plan_of_one_tenant_are_named(tmp_path: Path) -> None:
    """As if somebody had copied one; a plan in the folder of another tenant is not approved."""
    for name in ("1", "copy"):
        (tmp_path / name).mkdir()
        plan_in(tmp_path / name)
    with pytest.raises(PlanUnusable, match=r"/1 and .*/copy both have a plan of tenant 1\. Remove one of them\."):
        planned_tenants(tmp_path)
    with pytest.raises(PlanUnusable, match=r"cannot be approved: it is of tenant 1\."):
        approve(tmp_path / "copy", tenant="copy")
