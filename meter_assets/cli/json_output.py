"""Prints results as JSON: the only place where a command turns its results into text for programs.

Only such text goes to standard output then; a command prints everything else with `Terminal(on_stderr=True)`. The
results of runs are in `json_results`, the schemas of all commands in `json_schemas`.
"""

import json

import click
from pydantic import BaseModel

from meter_assets.foreign_text import Shown
from meter_assets.migration.tenants import SkippedTenant


class Skipped(BaseModel):
    """A tenant that no command can run because of its id, and why."""

    tenant: str
    name: Shown
    reason: str


def skipped_tenant(one: SkippedTenant) -> Skipped:
    """Return a skipped tenant for programs."""
    return Skipped(tenant=one.key, name=one.name, reason=one.reason)


def print_json(found: BaseModel) -> None:
    """Print results as JSON of ASCII characters, which no encoding of standard output changes; money is text."""
    click.echo(json.dumps(found.model_dump(mode="json"), indent=2))
