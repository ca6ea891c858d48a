"""A job that is tried many times on the same database: struck, evaluated, run again, evaluated, and all put back."""

import time
from dataclasses import dataclass, field

from meter_assets.migration.database import BillingDatabase
from tests.support.faults.children import Ended, Nursery, Task
from tests.support.faults.evaluate import Contents, Undisturbed, contents, state, wrong, wrong_at_the_end
from tests.support.faults.jobs import Job
from tests.support.faults.points import SENT
from tests.support.faults.stages import Stage
from tests.support.faults.strikes import Kind, Strike

SECONDS_TO_NOTICE_A_DEATH = 10
LOCKED = "TenantLocked"


def contents_of(url: str) -> Contents:
    """Return what a database holds, read as the product reads it."""
    with BillingDatabase(url).snapshot() as connection:
        return contents(connection)


@dataclass(frozen=True)
class Part:
    """A part of a job: what the database holds when it begins, kept under which name, and the points that follow."""

    kept: str
    first: int
    points: list[str]
    contents: Contents


@dataclass
class Trial:
    """A job on a database in the state in which it is when the trial is made, and what it makes of it undisturbed."""

    stage: Stage
    nursery: Nursery
    job: Job
    original: Contents
    run_again_always: bool = False
    """Otherwise only where the database is in a state from which it has not been run again yet."""
    parts: list[Part] = field(default_factory=list)
    finished_from: set[str] = field(default_factory=set)
    seconds: float = 0
    """How long it took, undisturbed."""

    def prepare(self, *, in_parts: bool = True) -> None:
        """Run the job undisturbed, in its parts or whole, and keep what was there before each, and after all."""
        before, found = contents_of(self.stage.url), None
        for first in range(self.job.parts) if in_parts else [0]:
            kept = f"{self.job.key}_{first}"
            self.stage.keep(kept)
            there = contents_of(self.stage.url)
            started = time.monotonic()
            ended = self._run(Strike(), first, many=1 if in_parts else None, run_id="undisturbed")
            if ended.error is not None:
                raise AssertionError(f"{self.job} does not succeed undisturbed: {ended.message}")
            self.seconds += time.monotonic() - started
            self.parts.append(Part(kept, first, ended.points, there))
            found = ended.found
        self.stage.keep(f"{self.job.key}_done")
        self.undisturbed = Undisturbed(self.original, before, contents_of(self.stage.url), found)

    def struck(self, part: Part, strike: Strike, seconds: float | None = None) -> tuple[Ended, list[str]]:
        """Run the job from a part on, strike it, and run it again; return how it ended, and all that is wrong."""
        self.stage.put_back(part.kept)
        ended = self._run(strike, part.first, run_id="struck", seconds=seconds)
        if strike.kind is Kind.KILLED and seconds is None and not ended.was_killed:
            return ended, [f"it was not killed, but ended so: {ended.error} {ended.message}"]
        problems = self.wrong_after(ended, part)
        if seconds is not None or (isinstance(strike.at, int) and part.points[strike.at].startswith(SENT)):
            self.stage.there = None  # a server may still do what it was told
        return ended, problems

    def wrong_after(self, ended: Ended, part: Part) -> list[str]:
        """Return what is wrong after a run has ended so, and after the same command was run again."""
        if ended.error is not None and not ended.is_ours:
            return [f"it ended with an error that is none of ours: {ended.message}"]
        now = contents_of(self.stage.url)
        problems = wrong(now, self.job, self.undisturbed)
        if self.run_again_always or state(now) not in self.finished_from:
            problems += self._run_again()
            self.finished_from.add(state(now))
        elif now == part.contents:
            self.stage.there = part.kept
        return problems

    def _run_again(self) -> list[str]:
        again = self._run(Strike(), run_id="again")
        if again.error is not None or again.was_killed:
            return [f"run again, it ended so: {again.error} {again.message}"]
        problems = wrong_at_the_end(contents_of(self.stage.url), self.job, self.undisturbed)
        if again.found != self.undisturbed.found:
            problems.append("run again, it found something else")
        return problems

    def _run(
        self, strike: Strike, first: int = 0, *, run_id: str, many: int | None = None, seconds: float | None = None
    ) -> Ended:
        """Run the job in a child; a tenant whose holder has just died may be held for a moment longer."""
        deadline = time.monotonic() + SECONDS_TO_NOTICE_A_DEATH
        task = Task(self.job, self.stage.url, run_id, strike, first, many, seconds)
        while True:
            ended = self.nursery.run(task)
            if ended.error != LOCKED or time.monotonic() > deadline:
                return ended
