"""The tenants that this process has locked, and the error for a tenant that another run has locked.

Add here what is known about locks on every engine. How a tenant is locked is in `engines`; `database` combines both.
"""

from collections.abc import Callable, Hashable

from sqlalchemy import Connection, Row, select

from meter_assets.billing.own_tables import RUNNING, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import step_runs
from meter_assets.engines.base import LockOwner, TenantLock
from meter_assets.errors import TenantLocked
from meter_assets.foreign_text import quoted
from meter_assets.formatting import show_time
from meter_assets.migration.tenants import Tenant


class TenantLocks:
    """The tenants that this process has locked, and those that it could not lock, by their keys."""

    def __init__(self) -> None:
        """Start without locks."""
        self._checked: dict[str, set[Hashable]] = {}
        self._locks: dict[str, TenantLock] = {}
        self._refused: dict[str, TenantLocked] = {}

    def take(self, key: str, lock: Callable[[], TenantLock | None], locked: Callable[[], TenantLocked]) -> None:
        """Lock a tenant, unless this process has locked it and the lock was not lost.

        If `lock` returns None, this raises the error from `locked`, and every later call raises it until `release`.
        """
        if key in self._refused:
            raise self._refused[key]
        if key in self._locks and self._locks[key].is_held():
            return
        self._checked.pop(key, None)
        acquired = lock()
        if acquired is None:
            self._refused[key] = locked()
            raise self._refused[key]
        self._locks[key] = acquired

    def release(self) -> None:
        """Release every lock."""
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()
        self._checked.clear()
        self._refused.clear()

    def checked(self, key: str) -> set[Hashable]:
        """Return what this process has checked of a tenant since it locked it: nobody else changes it meanwhile."""
        return self._checked.setdefault(key, set())


def tenant_locked(
    connection: Connection, schema: BillingSchema, tenant: Tenant, owner: LockOwner | None
) -> TenantLocked:
    """Return the error that names the run that has locked a tenant and its current step, as far as they are known."""
    words, run_id = _words(owner), owner.run_id if owner else None
    row = _running_step(connection, schema, tenant, owner)
    if row is not None:
        if owner is None:
            words, run_id = [f"probably run {quoted(row.run_id)}, which is recorded as running"], row.run_id
        what = "step" if row.undoes is None else "rollback of"
        words.append(f"its {what} {quoted(row.step)} started {show_time(row.started_at)}")
    return TenantLocked(tenant.key, words, run_id)


def _running_step(
    connection: Connection, schema: BillingSchema, tenant: Tenant, owner: LockOwner | None
) -> Row[tuple[object, ...]] | None:
    """Return the owner's newest step run; if the owner is not known, the newest one recorded as running."""
    if RUNS not in schema.own_tables_present:
        return None
    runs = step_runs(schema)
    of_owner = runs.c.outcome == RUNNING if owner is None else runs.c.run_id == owner.run_id
    newest = select(runs).where(runs.c.tenant_id == tenant.id, of_owner).order_by(runs.c.id.desc()).limit(1)
    return connection.execute(newest).first()


def _words(owner: LockOwner | None) -> list[str]:
    if owner is None:
        return []
    since = [f"since {show_time(owner.since)}"] if owner.since else []
    return [f"run {quoted(owner.run_id)}", f"process {owner.process} on {owner.host}", *since]
