"""What is run and struck: a migration whole or in batches, a preview, a rollback, of one tenant. As the jobs do it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from meter_assets.billing.policy import Policy
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.rollback import roll_back
from meter_assets.migration.step_run import StepRun
from meter_assets.reports.preview import preview
from meter_assets.rules.steps import MIGRATION

TENANT = Tenant(1, "1", "Tenant 1")
POLICY = Policy.from_values({})


@dataclass(frozen=True)
class Job:
    """One command on one tenant: what it does, how many rows per transaction, and whether on data that is not valid."""

    name: str
    batch_size: int | None = None
    allow_invalid: bool = False

    def __str__(self) -> str:
        return self.name + (f" in batches of {self.batch_size}" if self.batch_size else "")

    @property
    def key(self) -> str:
        """What it is called where a name has no blanks."""
        return str(self).replace(" ", "_")

    @property
    def parts(self) -> int:
        """How many parts it has that can be run one after the other: its steps."""
        return 1 if self.name == "preview" else len(MIGRATION)

    def make(self, database: BillingDatabase, run_id: str, *, first: int = 0, many: int | None = None) -> Any:
        """Run it, and return what a preview found.

        Only so many of its parts, where that is told: of a migration those from `first`, of a rollback the next.
        """
        if self.name == "preview":
            return preview(database, TENANT, POLICY).model_dump(mode="json")
        parts = self._undone(database, run_id) if self.name == "rollback" else self._made(database, run_id, first)
        try:
            for _ in islice(parts, many):
                pass
        finally:
            database.release()
        return None

    def _made(self, database: BillingDatabase, run_id: str, first: int) -> Iterator[object]:
        for step in MIGRATION[first:]:
            yield run_step(database, StepRun(step, TENANT, run_id, POLICY, self.allow_invalid, self.batch_size))

    def _undone(self, database: BillingDatabase, run_id: str) -> Iterator[object]:
        yield from roll_back(database, TENANT, run_id, POLICY, batch_size=self.batch_size)


MIGRATE = Job("migrate")
PREVIEW = Job("preview")
ROLL_BACK = Job("rollback")
