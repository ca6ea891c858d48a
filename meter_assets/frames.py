"""A tenant's plan, journal, verdicts, differences and statements as pandas DataFrames with exact money.

    from meter_assets import frames

    changes = frames.plan("postgresql://user@host/billing", "7")["invoice_amounts"]
    (changes["amount_after"] - changes["amount_before"]).sum()     # a Decimal, equal to the sum in SQL

Money has the type `decimal128(28, 4)` of Arrow, in currency units: sums and differences are exact, and nothing is a
float. Ids, dates and texts have types of Arrow too, all of which can have nulls. Each function has a variant with the
suffix `_chunks`, which yields frames of `rows_at_a_time` rows while it reads one snapshot, and keeps no more in memory.

Every function takes the database (its URL or a `BillingDatabase`; default: METER_ASSETS_DATABASE_URL), a tenant (id or
exact name) and a policy (default: that of METER_ASSETS_CONFIG), only reads, and needs pyarrow: install
meter-assets[frames]. All raise PyarrowMissing, UnknownTenant, a ConfigurationError for a database that cannot be used,
and NotInFrame for a value that a column cannot hold exactly. Add here only what users call: the frames are made in
`reports.frames`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from meter_assets import settings
from meter_assets.billing.policy import Policy
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import tried_again
from meter_assets.reports.frames import parts
from meter_assets.rules.steps import MIGRATION, STEPS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "differences",
    "differences_chunks",
    "journal",
    "journal_chunks",
    "plan",
    "plan_chunks",
    "statement",
    "statement_chunks",
    "verdicts",
    "verdicts_chunks",
]

ROWS_AT_A_TIME = 100_000
Database = BillingDatabase | str | None


def plan_chunks(
    database: Database,
    tenant: str | int,
    policy: Policy | None = None,
    *,
    steps: Sequence[str] = MIGRATION,
    rows_at_a_time: int = ROWS_AT_A_TIME,
) -> "Iterator[tuple[str, pd.DataFrame]]":
    """Yield pairs of a step's name and a frame with some of the rows that it would change; see `plan`."""
    unknown = [one for one in steps if one not in STEPS]
    if unknown:
        raise InvalidSettings(f"There is no step {quoted(unknown[0])}; the steps are {', '.join(STEPS)}.")
    return parts.plan(*_found(database, tenant, policy), _checked(rows_at_a_time), steps)


@tried_again
def plan(
    database: Database, tenant: str | int, policy: Policy | None = None, *, steps: Sequence[str] = MIGRATION
) -> "dict[str, pd.DataFrame]":
    """Return every row that a migration would change: one frame for each step, by its name, in the order of the steps.

    The columns are step, table, tenant_id, row_id, what people know of the row (such as invoice_number), each written
    column as `<column>_before` and `<column>_after`, the rule that decided, and whether the row is for review. The
    steps see each other's changes, as in the dry run; nothing is written. Also raises NothingToWrite.
    """
    return _by_step(plan_chunks(database, tenant, policy, steps=steps))


def journal_chunks(
    database: Database,
    tenant: str | int,
    policy: Policy | None = None,
    *,
    only_in_force: bool = False,
    rows_at_a_time: int = ROWS_AT_A_TIME,
) -> "Iterator[tuple[str, pd.DataFrame]]":
    """Yield pairs of a step's name and a frame with some of the rows that it has journaled; see `journal`."""
    found = _found(database, tenant, policy)
    return parts.journal(*found, _checked(rows_at_a_time), only_in_force=only_in_force)


@tried_again
def journal(
    database: Database, tenant: str | int, policy: Policy | None = None, *, only_in_force: bool = False
) -> "dict[str, pd.DataFrame]":
    """Return every row that was changed: one frame for each step, by its name; none if nothing was ever run.

    The columns are step, table, the step run (step_run_id, run_id, started_at, outcome, is_rollback, in_force),
    tenant_id, row_id, before and after of each column as in `plan`, and the rule. Rollbacks are journaled too: their
    rows have is_rollback. With `only_in_force`, only rows of step runs that were not rolled back since.
    """
    return _by_step(journal_chunks(database, tenant, policy, only_in_force=only_in_force))


def verdicts_chunks(
    database: Database,
    tenant: str | int,
    policy: Policy | None = None,
    *,
    planned: bool = False,
    rows_at_a_time: int = ROWS_AT_A_TIME,
) -> "Iterator[pd.DataFrame]":
    """Yield frames with some of the results of the invariants; see `verdicts`."""
    return parts.verdicts(*_found(database, tenant, policy), _checked(rows_at_a_time), planned=planned)


@tried_again
def verdicts(
    database: Database, tenant: str | int, policy: Policy | None = None, *, planned: bool = False
) -> "pd.DataFrame":
    """Return one row for each invariant: whether it holds, how many rows violate it, an example, and the remedy.

    They are evaluated on the current data, by the policy that the tenant was migrated with; if `planned`, on the data
    as a migration would leave it, by the given policy.
    """
    return _together(verdicts_chunks(database, tenant, policy, planned=planned))


def differences_chunks(
    database: Database, tenant: str | int, policy: Policy | None = None, *, rows_at_a_time: int = ROWS_AT_A_TIME
) -> "Iterator[pd.DataFrame]":
    """Yield frames with some of the causes of differences; see `differences`."""
    return parts.differences_by_cause(*_found(database, tenant, policy), _checked(rows_at_a_time))


@tried_again
def differences(database: Database, tenant: str | int, policy: Policy | None = None) -> "pd.DataFrame":
    """Return one row for each cause of each customer whose meters owe something else than the customer owed before.

    `amount` is the part of the cause: over all rows it adds up to the difference of the tenant. `backed_up_net`,
    `meters_net` and `difference` are those of the customer, repeated in each of its rows.
    """
    return _together(differences_chunks(database, tenant, policy))


def statement_chunks(
    database: Database,
    tenant: str | int,
    meter: str | int | None = None,
    policy: Policy | None = None,
    *,
    as_of: date | str | None = None,
    rows_at_a_time: int = ROWS_AT_A_TIME,
) -> "Iterator[pd.DataFrame]":
    """Yield frames with some of the entries of statements; see `statement`."""
    found, one = _found(database, tenant, policy), None if meter is None else str(meter)
    return parts.statement_entries(*found, _checked(rows_at_a_time), meter=one, as_of=_day(as_of))


@tried_again
def statement(
    database: Database,
    tenant: str | int,
    meter: str | int | None = None,
    policy: Policy | None = None,
    *,
    as_of: date | str | None = None,
) -> "pd.DataFrame":
    """Return the entries of a meter's statement in date order; without a meter, of all meters of the tenant.

    `meter` is an id or a meter number. `amount` is what an entry adds to the balance, or would add if it were counted;
    `balance` is the running balance of its meter. `as_of` leaves out what is later: a date, a point in time of that
    date, or a text such as 2024-03-31. Also raises UnknownRow.
    """
    return _together(statement_chunks(database, tenant, meter, policy, as_of=as_of))


def _found(database: Database, tenant: str | int, policy: Policy | None) -> tuple[BillingDatabase, Tenant, Policy]:
    """Return what a caller names by a URL and a text."""
    opened = database if isinstance(database, BillingDatabase) else settings.billing_database(database)
    (chosen,) = opened.tenants(opened.tenant_keys([str(tenant)]))
    return opened, chosen, settings.policy() if policy is None else policy


def _day(given: date | str | None) -> date | None:
    """Return a day that a caller names; of a point in time, which pandas gives, its day."""
    try:
        day = date.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise InvalidSettings(f"as_of is {quoted(given)}; expected a day such as 2024-03-31.") from None
    return day.date() if isinstance(day, datetime) else day


def _checked(rows_at_a_time: int) -> int:
    if rows_at_a_time < 1:
        raise InvalidSettings(f"rows_at_a_time is {rows_at_a_time}; expected a number of rows, 1 or more.")
    return rows_at_a_time


def _together(chunks: "Iterable[pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd

    return pd.concat(chunks, ignore_index=True)


def _by_step(chunks: "Iterable[tuple[str, pd.DataFrame]]") -> "dict[str, pd.DataFrame]":
    found: dict[str, list[pd.DataFrame]] = {}
    for step, frame in chunks:
        found.setdefault(step, []).append(frame)
    return {step: _together(frames) for step, frames in found.items()}
