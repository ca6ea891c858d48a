"""The approval of a plan: who approved which manifest and when, and optionally a signature by an SSH key.

The signature is one of `ssh-keygen -Y sign`, with the namespace meter-assets, over the file of the approval. Add here
what an approval contains and what makes it valid. Which runs need one is decided by the settings, in `defs.plans`.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from meter_assets.errors import InvalidSettings, PlanRefused, PlanUnusable
from meter_assets.foreign_text import quoted, shown
from meter_assets.migration.origin import IN_THE_UI
from meter_assets.migration.person import Person, this_person
from meter_assets.migration.reviewed_plans.contents import problems_of_files
from meter_assets.migration.reviewed_plans.manifest import (
    APPROVAL,
    SIGNATURE,
    Manifest,
    now_in_utc,
    read_content,
    read_manifest,
)
from meter_assets.private_files import remove, written

NAMESPACE = "meter-assets"
_KEYGEN = "ssh-keygen"
_SECONDS = 60
_APPROVE = "Let somebody else review it and run 'meter-assets approve {folder}', then run again."


class Approval(BaseModel):
    """That a person approved a plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str
    manifest: str
    """The digest of the manifest."""
    name: str
    """The name that the person gave."""
    person: Person
    approved_at: str
    """In UTC, in ISO format."""


@dataclass(frozen=True)
class ApprovalRules:
    """Whether a live run needs a plan that somebody else approved, and who may sign, if it must be signed."""

    required: bool = False
    allowed_signers: Path | None = None


@dataclass(frozen=True)
class Approved:
    """A plan that was approved: its manifest, and the approval."""

    manifest: Manifest
    approval: Approval


def approve(folder: Path, name: str | None = None, key: Path | None = None) -> Approved:
    """Approve the plan of one tenant as the user of this process; with a key, sign the approval.

    Raises PlanUnusable for a plan that was altered, and InvalidSettings for a key that cannot sign.
    """
    manifest, person = read_manifest(folder), this_person()
    for problem in problems_of_files(folder, manifest):
        raise PlanUnusable(
            f"The plan in {folder} cannot be approved: {problem}. Make it again with --dry-run --export."
        )
    approval = Approval(
        tenant=manifest.tenant,
        manifest=manifest.digest,
        name=shown(name or person.user),
        person=person,
        approved_at=now_in_utc(),
    )
    content = approval.model_dump_json(indent=2) + "\n"
    signature = None if key is None else _signature(content, key)
    try:
        remove(folder, SIGNATURE)
        with written(folder, APPROVAL) as file:
            file.write(content)
        if signature is not None:
            with written(folder, SIGNATURE) as file:
                file.write(signature)
    except OSError as error:
        raise PlanUnusable(f"The approval of {folder} cannot be written: {error.strerror}.") from None
    return Approved(manifest, approval)


def require_approved(folder: Path, manifest: Manifest, rules: ApprovalRules, started_by: str | None = None) -> None:
    """Raise PlanRefused unless somebody else than who runs a plan approved it, if the rules require it.

    Who runs it is the user of this process, and who started the run (see `origin`), such as a user of the UI.
    """
    if not rules.required:
        return
    problem = _problem(folder, manifest, rules, [this_person().user, *([started_by] if started_by else [])])
    if problem:
        raise PlanRefused(manifest.tenant, str(folder), problem, _APPROVE.format(folder=folder.parent))


def _problem(folder: Path, manifest: Manifest, rules: ApprovalRules, runners: Sequence[str]) -> str:
    """Return why a plan is not approved, as a clause; empty if it is."""
    try:
        content = read_content(folder / APPROVAL)
        approval = Approval.model_validate_json(content)
    except FileNotFoundError:
        return "it is not approved, and require_approval is set"
    except (OSError, ValidationError, UnicodeDecodeError):
        return f"its {APPROVAL} cannot be read"
    if (approval.manifest, approval.tenant) != (manifest.digest, manifest.tenant):
        return "its approval is of another plan: the manifest was made again since"
    names = [approval.name, approval.person.user]
    if rules.allowed_signers is not None:
        signers = _signers(folder, content, rules.allowed_signers)
        if not signers:
            return f"its approval has no valid signature of one of the allowed signers in {rules.allowed_signers}"
        names += signers
    approvers = {user for name in names for user in _users_named(name)}
    for runs in (one for one in runners if not approvers.isdisjoint(_users_named(one))):
        approved = f"it was approved by {quoted(approval.name)}, user {quoted(approval.person.user)}"
        return f"{approved}, and {quoted(runs)}, who runs it, is the same user"
    return ""


def _users_named(name: str) -> set[str]:
    """Return the users that a name may mean: as it is, and without a host or a domain; without case."""
    user = name.removesuffix(f" ({IN_THE_UI})").casefold()
    return {user, user.partition("@")[0]}


def _signature(content: str, key: Path) -> str:
    if not key.is_file():
        raise InvalidSettings(f"There is no key {key}. Name the file of a private SSH key.")
    ended = _keygen(["-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE], content.encode())
    if ended.returncode:
        raise InvalidSettings(f"The key {key} cannot sign: {_reason(ended)}. Nothing was approved.")
    return ended.stdout.decode()


def _signers(folder: Path, content: bytes, allowed: Path) -> list[str]:
    """Return the allowed signers whose valid signature an approval has."""
    signature = folder / SIGNATURE
    if not signature.is_file():
        return []
    if not allowed.is_file():
        raise InvalidSettings(f"allowed_signers of the table [plan] is {allowed}, which is not there.")
    place = ["-f", str(allowed), "-s", str(signature)]
    found = _keygen(["-Y", "find-principals", *place], b"")
    principals = found.stdout.decode(errors="replace").splitlines() if found.returncode == 0 else []
    verify = ["-Y", "verify", "-q", *place, "-n", NAMESPACE, "-I"]
    return [one for one in principals if one and _keygen([*verify, one], content).returncode == 0]


def _keygen(arguments: Sequence[str], content: bytes) -> "subprocess.CompletedProcess[bytes]":
    program = shutil.which(_KEYGEN)
    if program is None:
        raise InvalidSettings(
            f"{_KEYGEN} is not there: install OpenSSH 8.2 or later to sign approvals, or verify them."
        )
    try:
        return subprocess.run([program, *arguments], input=content, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InvalidSettings(f"{_KEYGEN} has not answered within {_SECONDS} seconds.") from None


def _reason(ended: "subprocess.CompletedProcess[bytes]") -> str:
    lines = ended.stderr.decode(errors="replace").split("\n")
    return shown(next((one for one in lines if one.strip()), f"exit status {ended.returncode}")).rstrip(".")
