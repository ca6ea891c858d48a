"""The JSON Schema of what each command prints with `--json`.

A command with `--json` needs an entry in DOCUMENTS, and its file in docs/schemas, which tests/cli/test_json.py writes
and compares. The models are where the results are computed.
"""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from meter_assets.cli.check_sql import CheckSql
from meter_assets.cli.commands.migration import MIGRATION_COMMANDS
from meter_assets.cli.compare_policies import ComparedPolicies
from meter_assets.cli.differences import Differences
from meter_assets.cli.history import History
from meter_assets.cli.json_results import MigrationResults, PreviewResults, RollbackResults, ValidationResults
from meter_assets.cli.review import Reviews
from meter_assets.cli.status import Status
from meter_assets.cli.verification import Verifications
from meter_assets.reports.database.check import DatabaseCheck
from meter_assets.reports.rehearsal import Rehearsal
from meter_assets.reports.statements.explain import Explained, ExplainedCustomer

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENTS: dict[str, Any] = {
    **dict.fromkeys((one.name or "" for one in MIGRATION_COMMANDS), MigrationResults | PreviewResults),
    "validate-meter-financial-data": ValidationResults,
    "check-sql": CheckSql,
    "rollback": RollbackResults,
    "review": Reviews,
    "compare-policies": ComparedPolicies,
    "rehearse": Rehearsal,
    "history": History,
    "status": Status,
    "verify": Verifications,
    "explain": Explained | ExplainedCustomer,
    "differences": Differences,
    "check-database": DatabaseCheck,
}
"""The model of each command's JSON, by the command's name."""


class _Printed(GenerateJsonSchema):
    """The schema of what is printed, in which fields with a default are always there."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Return whether a field is always printed: every one is."""
        return True


def schema_of(command: str) -> dict[str, Any]:
    """Return the JSON Schema of what a command prints. Raises KeyError for a command without `--json`."""
    found = TypeAdapter(DOCUMENTS[command]).json_schema(mode="serialization", schema_generator=_Printed)
    return {"$schema": DIALECT, **found, "title": f"meter-assets {command} --json"}
