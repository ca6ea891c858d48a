"""The manifest of a plan: what one tenant's migration would change, from a dry run that was exported.

A plan is a folder with a file of rows for each step, and the manifest, which has the number of rows of each step and
their digest. It is written last, so that a folder without a manifest is no plan. Its digest covers all of its content,
and the content has a hash of each file. Add here what a manifest contains. How a plan is compared with the database is
in `comparison`, who approved it in `approval`; the files are written by `reports.export`.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from meter_assets.errors import PlanUnusable
from meter_assets.foreign_text import LONGEST_NAME, file_name, quoted
from meter_assets.migration.person import Person
from meter_assets.private_files import read_start, remove, written

MANIFEST, APPROVAL, SIGNATURE = "manifest.json", "approval.json", "approval.json.sig"
FORMAT: Literal[1] = 1
MOST_BYTES = 4_000_000
_AT_ONCE = 1 << 20
_Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A whole number that every database can compare with an id."""
_Read = TypeVar("_Read", bound=BaseModel)
_VERSION = re.compile(r"(\d+)\.(\d+)")


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MoneyPlanned(_Content):
    """The sum of a column over all rows of the step's table, in currency units as text, before and after."""

    before: str
    after: str


class StepPlanned(_Content):
    """What one step would change."""

    step: str
    rows: _Count
    digest: str
    """The digest that the journal of these rows has."""
    rules: Mapping[str, int]
    """The number of rows by rule."""
    money: Mapping[str, MoneyPlanned]
    file: str
    sha256: str
    """The hash of the file with the rows."""


class Manifest(_Content):
    """What a plan contains, and of what it is."""

    format: Literal[1] = FORMAT
    tenant: str
    tenant_name: str
    database: str
    """Where the database is, without the role that read it."""
    policy: Mapping[str, Any]
    policy_digest: str
    mapping_digest: str
    """The digest of the mapping: which tables and columns are read and written."""
    software_version: str
    created_at: str
    """In UTC, in ISO format."""
    created_by: Person
    newest_step_run: _Count
    """The id of the newest step run that was recorded for the tenant; later ones are a part of running the plan."""
    would_fail: bool
    """Whether the dry run found that the live run would fail."""
    steps: Sequence[StepPlanned]
    digest: str = ""
    """The digest of all the rest."""

    @property
    def content_digest(self) -> str:
        """The hash of all fields but the digest, as JSON in one form."""
        return _hash_of(self.model_dump(mode="json", exclude={"digest"}))

    def sealed(self) -> "Manifest":
        """Return this manifest with its digest."""
        return self.model_copy(update={"digest": self.content_digest})

    @property
    def rows(self) -> int:
        """The number of rows of all steps."""
        return sum(one.rows for one in self.steps)

    def step(self, name: str) -> StepPlanned | None:
        """Return what a step would change; None if the plan does not have that step."""
        return next((one for one in self.steps if one.step == name), None)


def _hash_of(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def policy_digest(policy: Mapping[str, Any]) -> str:
    """Return the digest of a policy's values."""
    return _hash_of(policy)


def now_in_utc() -> str:
    """Return the current time as manifests and approvals have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_of_version(manifest: Manifest, version: str) -> bool:
    """Return whether a plan is of this version of the software, but for the patch level."""
    ours, planned = _VERSION.match(version), _VERSION.match(manifest.software_version)
    if ours is None or planned is None:
        return version == manifest.software_version
    return ours.groups() == planned.groups()


# Files


def folder_of(plan: Path, tenant: str) -> Path:
    """Return the folder of a tenant's plan below that of all tenants."""
    return plan / file_name(tenant, LONGEST_NAME)


def begin(folder: Path) -> None:
    """Remove the manifest of an earlier plan, and its approval, before its files are replaced. Raises OSError."""
    remove(folder, MANIFEST, SIGNATURE, APPROVAL)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest, with its digest, beside the files that it lists. Raises OSError."""
    with written(folder, MANIFEST) as file:
        json.dump(manifest.sealed().model_dump(mode="json"), file, indent=2, ensure_ascii=False)
        file.write("\n")


def hash_of_file(path: Path) -> str:
    """Return the SHA-256 of a file. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_AT_ONCE):
            found.update(part)
    return found.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in a folder, whose digest is that of its content.

    Raises PlanUnusable if there is none, or if it cannot be read or was altered.
    """
    path = folder / MANIFEST
    try:
        manifest = read_document(Manifest, path)[0]
    except FileNotFoundError:
        raise PlanUnusable(
            f"There is no plan in {folder}: it has no {MANIFEST}. 'meter-assets migrate-meter-financials --dry-run "
            "--export DIR' makes one, and writes that file last."
        ) from None
    except OSError as error:
        raise PlanUnusable(f"The plan in {folder} cannot be read: {error.strerror}.") from None
    except ValueError:  # also one of pydantic, and of a text that is no UTF-8
        raise PlanUnusable(
            f"{path} is not the manifest of a plan of this version. Make the plan again with --dry-run --export."
        ) from None
    if manifest.digest != manifest.content_digest:
        raise PlanUnusable(
            f"{path} was altered: its digest is not that of its content. Make the plan again with --dry-run --export."
        )
    return manifest


def read_document(kind: type[_Read], path: Path) -> tuple[_Read, bytes]:
    """Return what a small JSON file that others may have written says, and its content.

    Raises OSError, also for a large file, and ValueError for another document, and for one with an object that has a
    name twice: people and programs may read another of the two values.
    """
    content = read_start(path, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(27, "the file is too large", str(path))
    document = kind.model_validate_json(content)
    json.loads(content, object_pairs_hook=_without_duplicates)
    return document, content


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def altered_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield, as a clause, which files of a plan are missing or are not those that the manifest lists."""
    for one in manifest.steps:
        path = folder / one.file
        if not one.file or Path(one.file).name != one.file:
            yield f"{quoted(one.file)} is not the name of a file"
            continue
        try:
            found = hash_of_file(path) if path.is_file() else None
        except OSError as error:
            yield f"{quoted(one.file)} cannot be read: {error.strerror}"
            continue
        if found is None:
            yield f"{quoted(one.file)} is missing"
        elif found != one.sha256:
            yield f"{quoted(one.file)} was altered: it is not the file of which the manifest has the hash"


def folders_with_plans(plan: Path) -> list[Path]:
    """Return the folders below one that have a manifest, in the order of their names. Raises PlanUnusable."""
    try:
        folders = sorted(one for one in plan.iterdir() if (one / MANIFEST).exists())
    except OSError as error:
        raise PlanUnusable(f"There is no plan in {plan}: {error.strerror}.") from None
    if not folders:
        raise PlanUnusable(
            f"There is no plan in {plan}: no folder in it has a {MANIFEST}. 'meter-assets migrate-meter-financials "
            "--dry-run --export DIR' makes a plan of each tenant."
        )
    return folders


def planned_tenants(plan: Path) -> list[str]:
    """Return the keys of the tenants that have a plan below a folder, in the order of the folders' names.

    A manifest that cannot be read counts, and one of another tenant than its folder: the tenant is taken from the name
    of the folder, so that the run of that tenant says what is wrong. Raises PlanUnusable if there is no plan, or if two
    folders have one of the same tenant.
    """
    places: dict[str, Path] = {}
    for one in folders_with_plans(plan):
        tenant = _tenant_in(one)
        if tenant in places:
            both = f"{places[tenant]} and {one}"
            raise PlanUnusable(f"{both} both have a plan of tenant {quoted(tenant)}. Remove one of them.")
        places[tenant] = one
    return [tenant if folder_of(plan, tenant) == one else one.name for tenant, one in places.items()]


def _tenant_in(folder: Path) -> str:
    """Return the tenant of the plan in a folder, or the name of the folder if its manifest cannot be read."""
    try:
        return read_manifest(folder).tenant
    except PlanUnusable:
        return folder.name
