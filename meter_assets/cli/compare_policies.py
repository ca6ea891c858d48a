"""The command `compare-policies`: a ranking of policies, and who would owe something else, as text or as JSON.

Add here what only this command prints. What is compared is in `reports.policies`.
"""

import json
from collections.abc import Sequence
from typing import Any

import click

from meter_assets import settings
from meter_assets.cli.json_output import Skipped, print_json, skipped_tenant
from meter_assets.cli.selection import Selection, chosen_of_records, skipped_tenants
from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import named, quoted
from meter_assets.formatting import counted, show_money
from meter_assets.migration.database import Tenant
from meter_assets.migration.progress import Lines
from meter_assets.reports.policies.comparison import (
    Between,
    PolicyComparison,
    PolicyValues,
    RankedPolicy,
    compare_policies,
)
from meter_assets.reports.tables import Grid

SHOWN_POLICIES = 10
SHOWN_CUSTOMERS = 20
_SHOWN_EQUALS = 5
_AS_CONFIGURED = "(as configured)"


class ComparedPolicies(PolicyComparison):
    """A comparison of policies, and the tenants that are skipped because of their ids."""

    skipped: list[Skipped]


def show_policies(
    selection: Selection, named_values: Sequence[str], between: tuple[int, int] | None, *, as_json: bool
) -> int:
    """Compare policies and print what was found. Return the exit status: 1 if a tenant is skipped because of its id.

    Raises what `compare_policies` and `chosen_of_records` raise.
    """
    database, configured = settings.billing_database(), settings.policy()
    database.remember()
    tenants, skipped = chosen_of_records(database, selection), skipped_tenants(database, selection)
    found = compare_policies(
        database, tenants, configured, named_values, between=between, about_to_read=_Progress(tenants)
    )
    if as_json:
        print_json(ComparedPolicies(**dict(found), skipped=list(map(skipped_tenant, skipped))))
        return int(bool(skipped))
    terminal = Terminal()
    _show(terminal, found)
    terminal.skipped_tenants(skipped)
    return int(bool(skipped))


class _Progress:
    """Prints to standard error which tenant is read, at most every ten seconds."""

    def __init__(self, tenants: Sequence[Tenant]) -> None:
        """Take all tenants."""
        self._of, self._at = len(tenants), 0
        self._lines = Lines(lambda line: click.echo(line, err=True))

    def __call__(self, tenant: Tenant) -> None:
        """Take the tenant that is read next."""
        self._at += 1
        self._lines.say(f"Reading tenant {named(tenant.key, tenant.name)} ({self._at:,} of {self._of:,}) ...")


def _show(terminal: Terminal, found: PolicyComparison) -> None:
    if found.not_comparable:
        terminal.print(f"Left out, because an amount is no number: {counted(found.not_comparable, 'customer')}.")
    terminal.grid(_ranking(found))
    for sentence in found.left_out:
        terminal.evidence(sentence)
    _show_first(terminal, found.ranking[0])
    if found.between is None:
        terminal.print("All customers owe the same under all of these policies.")
    else:
        _show_between(terminal, found.between)
    terminal.print("")
    terminal.print("Nothing was written.")


def _ranking(found: PolicyComparison) -> Grid:
    rows = [one for one in found.ranking if one.number <= SHOWN_POLICIES or one.configured]
    others = len(found.ranking) - len(rows)
    of = f"{counted(found.customers, 'customer')} of {counted(found.tenants, 'tenant')}"
    title = f"Which of {found.policies:,} policies reproduces the old balances of {of}"
    note = (
        "rank: policies with = are equally good. equal: other policies under which every customer owes the same."
        + f" Not shown: {others:,} more; --json has all." * bool(others)
    )
    within = f"within {show_money(found.tolerance)}"
    return Grid(
        title,
        ("no.", "rank", "differs from the configured policy", "exact", within, "sum of differences", "equal"),
        tuple(
            (
                str(one.number),
                f"{one.rank}=" if one.tied else str(one.rank),
                _in_words(one),
                f"{one.exact:,}",
                f"{one.within_tolerance:,}",
                show_money(one.difference),
                f"{len(one.equal):,}" if one.equal else "",
            )
            for one in rows
        ),
        note,
    )


def _in_words(policy: PolicyValues) -> str:
    if isinstance(policy, RankedPolicy) and policy.configured:
        return _AS_CONFIGURED
    return "; ".join(policy.differences) or _AS_CONFIGURED


def _show_first(terminal: Terminal, first: RankedPolicy) -> None:
    if first.equal:
        terminal.heading(f"Every customer owes the same under no. {first.number} and under:")
        for one in first.equal[:_SHOWN_EQUALS]:
            terminal.evidence(_in_words(one))
        if len(first.equal) > _SHOWN_EQUALS:
            terminal.evidence(f"and {len(first.equal) - _SHOWN_EQUALS:,} more; --json has all")
    if not first.configured:
        terminal.heading(f"To migrate under no. {first.number}, set in the file that METER_ASSETS_CONFIG names:")
        for line in ("[policy]", *(f"{name} = {_as_toml(value)}" for name, value in first.settings.items())):
            terminal.command(f"    {line}")


def _as_toml(value: Any) -> str:
    """Return a value of a policy for a TOML file. JSON escapes what TOML escapes, in the same way."""
    return json.dumps(value, ensure_ascii=False)


def _show_between(terminal: Terminal, between: Between) -> None:
    a, b = (f"under no. {number}" for number in (between.a, between.b))
    terminal.heading(
        f"{counted(len(between.customers), 'customer')} would owe something else under no. {between.a} than under "
        f"no. {between.b}."
    )
    rows = tuple(
        (
            one.customer_id,
            one.tenant,
            quoted(one.name),
            show_money(one.old),
            show_money(one.under_a),
            show_money(one.under_b),
        )
        for one in between.customers[:SHOWN_CUSTOMERS]
    )
    others = len(between.customers) - len(rows)
    note = f"Not shown: {others:,} more with smaller differences; --json has all." if others else ""
    headings = ("customer", "tenant", "name", "old balance", a, b)
    terminal.grid(Grid("", headings, rows, note, of_records=True))
