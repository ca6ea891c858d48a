"""`Rehearsal`: what a rehearsal measured, the forecast for the real run, and whether every tenant would be migrated.

Add a figure here; `cli.rehearsal` measures it, and the tables for people are in `reports.rehearsal_tables`.
"""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, computed_field

from meter_assets.foreign_text import Shown

TRIES = 3
"""How often a step is tried while others write the same rows: the forecast's upper bound is this many times as long."""


class Part(BaseModel):
    """One part of a rehearsal over all tenants, or over one."""

    name: str
    seconds: float
    rows: int | None = None
    """The rows that it read or wrote; None if it has none."""
    what: str = ""
    """What happened to the rows: "copied", "examined", "changed", "restored"."""

    @computed_field  # type: ignore[prop-decorator]  # mypy does not support a decorator above @property
    @property
    def rows_per_second(self) -> float | None:
        """How many rows it handled per second; None if it handled none."""
        return self.rows / self.seconds if self.rows and self.seconds else None


class TenantTimes(BaseModel):
    """How long each part took for one tenant (seconds), and why the tenant would fail."""

    tenant: str
    name: Shown
    preview: float = 0.0
    migration: float = 0.0
    validation: float = 0.0
    steps: dict[str, float] = {}
    """The seconds of each step of the migration."""
    examined: int = 0
    """The rows that the preview examined."""
    changed: int = 0
    """The rows that the migration changed."""
    problems: list[Shown] = []
    """Each check that would fail, with its number of violations, or another reason; empty if the tenant succeeded."""

    @property
    def succeeded(self) -> bool:
        """Whether the tenant was migrated, and all its checks passed."""
        return not self.problems


class OneTenantAgain(BaseModel):
    """The rollback of one tenant, and its second migration."""

    tenant: str
    name: Shown
    changed: int
    """The rows that its first migration changed."""
    rollback: float
    restored: int
    skipped: int
    migration: float
    """The seconds of its second migration."""
    changed_again: int
    """The rows that its second migration changed: all of the first one, unless the rollback left some as they were."""
    batch_size: int | None
    """The batch size of the second migration; None for one transaction per step."""
    problems: list[Shown] = []

    @property
    def succeeded(self) -> bool:
        """Whether all rows were restored, so that the second migration changed them again, and it succeeded."""
        return self.restored == self.changed == self.changed_again and not self.skipped and not self.problems


class Forecast(BaseModel):
    """How long the real migration takes, in seconds."""

    tenant: str | None
    """The tenant; None for all tenants, one after the other."""
    expected: float
    at_most: float
    """If each step has to be tried as often as it may be, because others write the same rows."""
    in_batches: float | None
    """With the other batch size (see `Rehearsal.again`); None if that was not measured."""
    is_estimated: bool = False
    """Whether it is computed from other tenants' rows per second, because the tenant failed."""


class Rehearsal(BaseModel):
    """The results of a rehearsal."""

    source: str
    copy_in: str
    is_kept: bool
    batch_size: int | None
    software_version: str
    parts: list[Part] = []
    tenants: list[TenantTimes] = []
    skipped: list[Shown] = []
    """The tenants that no run can migrate because of their ids, each a sentence."""
    again: OneTenantAgain | None = None
    rows: dict[str, int] = {}
    masked: list[str] = []
    lacks: list[Shown] = []
    """What the source's tables have and those of the copy lack."""
    triggers: list[Shown] = []

    @computed_field  # type: ignore[prop-decorator]  # mypy does not support a decorator above @property
    @property
    def go(self) -> bool:
        """Whether every tenant was migrated with all checks passed, and one was rolled back completely."""
        return (
            bool(self.tenants) and not self.failed and not self.skipped and (self.again is None or self.again.succeeded)
        )

    @property
    def failed(self) -> list[TenantTimes]:
        """The tenants that failed."""
        return [one for one in self.tenants if not one.succeeded]

    @computed_field  # type: ignore[prop-decorator]  # mypy does not support a decorator above @property
    @property
    def forecasts(self) -> list[Forecast]:
        """The forecast for each tenant, in the order of the tenants, and for all of them at the end."""
        found = [self._forecast(one) for one in self.tenants]
        batches = [one.in_batches for one in found if one.in_batches is not None]
        total = Forecast(
            tenant=None,
            expected=sum(one.expected for one in found),
            at_most=sum(one.at_most for one in found),
            in_batches=sum(batches) if self.batch_factor is not None else None,
            is_estimated=any(one.is_estimated for one in found),
        )
        return [*found, total]

    @property
    def total(self) -> Forecast:
        """The forecast for all tenants."""
        return self.forecasts[-1]

    @property
    def batch_factor(self) -> float | None:
        """How many times as long the second migration took, with the other batch size; None if it did not succeed."""
        if self.again is None or not self.again.succeeded or self.again.batch_size == self.batch_size:
            return None
        first = next(one.migration for one in self.tenants if one.tenant == self.again.tenant)
        return self.again.migration / first if first else None

    def _forecast(self, one: TenantTimes) -> Forecast:
        rate = self._seconds_per_row
        is_estimated = not one.succeeded and rate is not None
        expected = max(one.migration, one.examined * rate) if is_estimated and rate is not None else one.migration
        factor = self.batch_factor
        return Forecast(
            tenant=one.tenant,
            expected=expected,
            at_most=expected * TRIES,
            in_batches=None if factor is None else expected * factor,
            is_estimated=is_estimated,
        )

    @property
    def _seconds_per_row(self) -> float | None:
        """How long the migration took for each examined row of the tenants that succeeded."""
        good = [one for one in self.tenants if one.succeeded]
        examined = sum(one.examined for one in good)
        return sum(one.migration for one in good) / examined if examined else None


def slowest(tenants: Sequence[TenantTimes]) -> TenantTimes | None:
    """Return the tenant whose migration took longest; None if there is none."""
    return max(tenants, key=lambda one: one.migration, default=None)


def seconds_of_steps(tenants: Sequence[TenantTimes]) -> Mapping[str, float]:
    """Return how long each step took for all tenants, in the order of the steps."""
    found: dict[str, float] = {}
    for one in tenants:
        for step, seconds in one.steps.items():
            found[step] = found.get(step, 0.0) + seconds
    return found
