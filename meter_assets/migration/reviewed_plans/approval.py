"""The approval of a plan: who approved which manifest and when, and optionally a signature by an SSH key.

The signature is one of `ssh-keygen -Y sign`, with the namespace meter-assets, over the file of the approval. Add here
what an approval contains and what makes it valid. Which runs need one is decided by the settings, in `defs.plans`.
"""

import shutil
import subprocess
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

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
    read_document,
    read_manifest,
)
from meter_assets.private_files import exists, remove, written

NAMESPACE = "meter-assets"
_KEYGEN = "ssh-keygen"
_SECONDS = 60
_APPROVE = "Let somebody else review it and run 'meter-assets approve {folder}{key}', then run again."
_PATTERN = frozenset("*?!")
"""Characters of a pattern in a file of allowed signers: such a principal does not say who has signed."""


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


def approve(folder: Path, name: str | None = None, key: Path | None = None, *, tenant: str | None = None) -> Approved:
    """Approve the plan of one tenant as the user of this process; with a key, sign the approval.

    `tenant` is whose plan it must be. Raises PlanUnusable for a plan of another tenant, and for one that was altered,
    and InvalidSettings for a key that cannot sign.
    """
    manifest, person = read_manifest(folder), this_person()
    of_another = [f"it is of tenant {quoted(manifest.tenant)}"] if tenant not in (None, manifest.tenant) else []
    for problem in of_another or problems_of_files(folder, manifest):
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


def require_approved(
    folder: Path, manifest: Manifest, rules: ApprovalRules, started_by: str | None = None, *, was_compared: bool = False
) -> None:
    """Raise PlanRefused unless somebody else than who runs a plan approved it, if the rules require it.

    Who runs it is the user of this process, and who started the run (see `origin`), such as a user of the UI.
    `was_compared` is whether the run has compared the tenant before, and may have written steps of it since.
    """
    if not rules.required:
        return
    problem = _problem(folder, manifest, rules, [this_person().user, *([started_by] if started_by else [])])
    if problem:
        key = " --key FILE" if rules.allowed_signers else ""
        raise PlanRefused(
            manifest.tenant,
            str(folder),
            problem,
            _APPROVE.format(folder=folder.parent, key=key),
            was_compared=was_compared,
        )


def _problem(folder: Path, manifest: Manifest, rules: ApprovalRules, runners: Sequence[str]) -> str:
    """Return why a plan is not approved, as a clause; empty if it is."""
    try:
        approval, content = read_document(Approval, folder / APPROVAL)
    except FileNotFoundError:
        return "it is not approved, and require_approval is set"
    except (OSError, ValueError):
        return f"its {APPROVAL} cannot be read"
    if (approval.manifest, approval.tenant) != (manifest.digest, manifest.tenant):
        return "its approval is of another plan: the manifest was made again since"
    names = [approval.name, approval.person.user]
    if rules.allowed_signers is not None:
        signers, why = _signers(folder, content, rules.allowed_signers)
        if not signers:
            return (
                f"its approval has no valid signature of one of the allowed signers in {rules.allowed_signers} ({why})"
            )
        names += signers
    approvers = {user for name in names for user in _users_named(name)}
    for runs in (one for one in runners if not approvers.isdisjoint(_users_named(one))):
        approved = f"it was approved by {quoted(approval.name)}, user {quoted(approval.person.user)}"
        return f"{approved}, and {quoted(runs)}, who runs it, is the same user"
    return ""


def _users_named(name: str) -> set[str]:
    """Return the users that a name may mean: as it is, and without a host or a domain; without case and blanks.

    One character that is written in two ways, as an accented one may be, is the same; an invisible one is none.
    """
    seen = "".join(one for one in unicodedata.normalize("NFKC", name) if unicodedata.category(one) != "Cf")
    user = " ".join(seen.strip().removesuffix(f"({IN_THE_UI})").casefold().split())
    return {user, user.partition("@")[0].strip(), user.rpartition("\\")[2].partition("@")[0].strip()}


def _signature(content: str, key: Path) -> str:
    if not exists(key):
        raise InvalidSettings(f"There is no key {key}. Name the file of a private SSH key.")
    ended = _keygen(["-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE], content.encode())
    if ended.returncode and "passphrase" in _reason(ended):
        raise InvalidSettings(
            f"The key {key} has a passphrase, which was wrong, or there is no terminal to ask for it. Run the command "
            "at a terminal, or add the key to ssh-agent and name its file with the public key. Nothing was approved."
        )
    if ended.returncode:
        raise InvalidSettings(f"The key {key} cannot sign: {_reason(ended)}. Nothing was approved.")
    return ended.stdout.decode()


def _signers(folder: Path, content: bytes, allowed: Path) -> tuple[list[str], str]:
    """Return the allowed signers whose valid signature an approval has, and if there is none, why, as a clause."""
    signature = folder / SIGNATURE
    if not signature.is_file():
        return [], "it is not signed"
    if not exists(allowed):
        raise InvalidSettings(f"allowed_signers of the table [plan] is {allowed}, which is not there. Create the file.")
    place = ["-f", str(allowed), "-s", str(signature)]
    found = _keygen(["-Y", "find-principals", *place], b"")
    if found.returncode:
        return [], _reason(found)
    signers, problems = [], list[str]()
    for principal in _principals(allowed, signature):
        if not _PATTERN.isdisjoint(principal):
            problems.append(f"the principal {quoted(principal)} is a pattern, which does not say who has signed")
            continue
        verified = _keygen(["-Y", "verify", "-q", *place, "-n", NAMESPACE, "-I", principal], content)
        if verified.returncode:
            problems.append(_reason(verified))
        else:
            signers.append(principal)
    return signers, "; ".join(problems)


def _principals(allowed: Path, signature: Path) -> list[str]:
    """Return all principals of the key of a signature: ssh-keygen itself returns those of the first line that fits."""
    try:
        lines = allowed.read_bytes().splitlines()
    except OSError as error:
        raise InvalidSettings(f"allowed_signers, {allowed}, cannot be read: {error.strerror}.") from None
    found: dict[str, None] = {}
    for line in (one for one in lines if one.strip() and not one.lstrip().startswith(b"#")):
        ended = _keygen(["-Y", "find-principals", "-f", "/dev/stdin", "-s", str(signature)], line + b"\n")
        if not ended.returncode:
            found |= dict.fromkeys(filter(None, ended.stdout.decode(errors="replace").splitlines()))
    return list(found)


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
    return shown(next(filter(None, map(str.strip, lines)), f"exit status {ended.returncode}")).rstrip(".")
