"""The lock files: all that pyproject.toml asks for, each in one version with hashes, the same in all files."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.deployment import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = PROJECT["dependency-groups"]["build"]
WANTED: dict[str, list[str]] = {
    "runtime": [*PROJECT["project"]["dependencies"], *BUILD],
    "deploy": [
        *PROJECT["project"]["dependencies"],
        *BUILD,
        *(one for extra in ("alerts", "celery", "kubernetes") for one in EXTRAS[extra]),
    ],
    "dev": [*PROJECT["project"]["dependencies"], *BUILD, *(one for extra in EXTRAS.values() for one in extra)],
}


def lock_file(name: str) -> Path:
    return ROOT / "locks" / f"{name}.txt"


def pinned(name: str) -> dict[str, str]:
    """Return the version of each package that a lock file has."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", lock_file(name).read_text(encoding="utf-8"), re.MULTILINE)
    return {str(canonicalize_name(package)): version for package, version in found}


def asked_for(requirements: Iterable[str]) -> list[Requirement]:
    """Return what is asked for of others: not this package's own extras."""
    return [one for one in map(Requirement, requirements) if one.name != PROJECT["project"]["name"]]


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_file_has_what_is_asked_for_or_dev_lock_was_not_run(name: str) -> None:
    versions = pinned(name)
    for wanted in asked_for(WANTED[name]):
        assert versions.get(str(canonicalize_name(wanted.name)), "none") in wanted.specifier, f"{wanted}: ./dev lock"


@pytest.mark.parametrize("name", WANTED)
def test_every_locked_package_has_hashes_and_no_file_names_a_host(name: str) -> None:
    content = lock_file(name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=\S)", content, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned(name))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in content
    assert "--index" not in content


def test_what_is_deployed_is_what_is_tested() -> None:
    assert pinned("runtime").items() <= pinned("deploy").items() <= pinned("dev").items()


def test_the_build_backend_is_locked_in_the_version_that_builds() -> None:
    (backend,) = PROJECT["build-system"]["requires"]
    assert backend in BUILD
