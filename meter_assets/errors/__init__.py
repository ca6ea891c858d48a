"""The errors of this product, one type per failure, each with the ids that it is about.

A message says what is wrong, where, what was expected and found, and what to do next. Add an error in the module of its
kind, and export it here: all other code imports errors from this package. Nothing here knows SQL, Dagster or the
terminal.
"""

from meter_assets.errors.base import (
    MOST_NAMED,
    NAMES_THE_DATABASE,
    ConfigurationError,
    MeterAssetsError,
    StepError,
    first_named,
)
from meter_assets.errors.configuration import (
    ForbiddenRunConfig,
    IllegalTenantId,
    InvalidSettings,
    MissingPartition,
    NoTenants,
    UnknownPolicy,
    UnknownRun,
    UnknownTenant,
)
from meter_assets.errors.database import (
    ConstructNotImplemented,
    DatabaseBusy,
    DatabaseUnreachable,
    DemoDatabaseMissing,
    NotWritable,
    OwnTablesNotTrusted,
    SharedSessions,
    SnapshotCancelled,
    StatementFailed,
    UnreadableValue,
    UnsuitableSchema,
)
from meter_assets.errors.records import JournalAltered, JournalIncomplete, NotAsRecorded, RecordsAltered
from meter_assets.errors.steps import (
    BlockedByInvariants,
    ColumnTooSmall,
    ConcurrentModification,
    PolicyDiffers,
    RowsKeepChanging,
    SessionChanged,
    StepInvariantViolated,
    StepUnconfirmed,
    StoppedInBatches,
    TenantLocked,
    TenantLockLost,
)

__all__ = [
    "MOST_NAMED",
    "NAMES_THE_DATABASE",
    "BlockedByInvariants",
    "ColumnTooSmall",
    "ConcurrentModification",
    "ConfigurationError",
    "ConstructNotImplemented",
    "DatabaseBusy",
    "DatabaseUnreachable",
    "DemoDatabaseMissing",
    "ForbiddenRunConfig",
    "IllegalTenantId",
    "InvalidSettings",
    "JournalAltered",
    "JournalIncomplete",
    "MeterAssetsError",
    "MissingPartition",
    "NoTenants",
    "NotAsRecorded",
    "NotWritable",
    "OwnTablesNotTrusted",
    "PolicyDiffers",
    "RecordsAltered",
    "RowsKeepChanging",
    "SessionChanged",
    "SharedSessions",
    "SnapshotCancelled",
    "StatementFailed",
    "StepError",
    "StepInvariantViolated",
    "StepUnconfirmed",
    "StoppedInBatches",
    "TenantLockLost",
    "TenantLocked",
    "UnknownPolicy",
    "UnknownRun",
    "UnknownTenant",
    "UnreadableValue",
    "UnsuitableSchema",
    "first_named",
]
