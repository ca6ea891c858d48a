"""The component MeterMigration: adds the asset graph for one billing database to a Dagster project by YAML.

Add a field here for each further option of a database. Options of a whole instance (watching, alerts, the launchpad)
are read from the environment: see `settings`. The renaming of a graph's definitions is in `renaming`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator

from meter_assets.billing.policy import Policy
from meter_assets.components.renaming import renamed
from meter_assets.defs.resources import billing_resource, policy_resource
from meter_assets.defs.scope import RESOURCES, Scope
from meter_assets.loading import complete, load_definitions

LEGAL_NAME = r"^([a-z][a-z0-9_]*)?$"


class ScaffoldOptions(BaseModel):
    """The options of `dg scaffold defs meter_assets.MeterMigration`."""

    url: str = Field(
        default="{{ env.METER_ASSETS_DATABASE_URL }}", description="The billing database's URL, or a template for it."
    )
    name: str = Field(default="", description="The name of this database in the project.")


class MeterMigrationScaffolder(dg.Scaffolder[ScaffoldOptions]):
    """Writes the YAML of the component."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldOptions]:
        """Return the options of the command."""
        return ScaffoldOptions

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldOptions]) -> None:
        """Write defs.yaml with the URL, and with the name if there is one."""
        options = request.params.model_dump()
        dg.scaffold_component(request, {name: value for name, value in options.items() if value})


@dg.scaffold_with(MeterMigrationScaffolder)
class MeterMigration(dg.Component, dg.Resolvable, dg.Model):
    """The migration of a utility-billing database from balances per customer to balances per meter.

    Adds its assets, checks, jobs, sensors and resources to a project. For several billing databases, a project can have
    several of these components: give a name to each except one. The name becomes the prefix of the asset keys and the
    suffix of all other names. The definitions for the whole instance (the schedules with their jobs, and the alerts)
    are added by the component without a name.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # the URL may contain a password

    url: str = Field(
        repr=False,
        description="The billing database's URL. Read it from the environment, {{ env.BILLING_URL }}, so that the YAML "
        "contains no password. No page of Dagster shows it.",
    )
    name: str = Field(
        default="",
        pattern=LEGAL_NAME,
        description="The name of this database in the project, such as north: lower-case letters, digits and "
        "underscores. Then there is an asset north/meter_balances and a job migrate_meter_financials_north.",
    )
    policy: dict[str, Any] = Field(
        default_factory=dict,
        description="The policies that differ from the defaults, by name, as in the table [policy] of the "
        "configuration file.",
    )
    tenants: list[str | int] | None = Field(
        default=None, description="The ids of the tenants in the graph. Default: all tenants."
    )

    @field_validator("url", mode="before")
    @classmethod
    def _require_url(cls, url: Any) -> str:
        """Refuse an empty URL, which a template gives for a variable that is not set."""
        if not isinstance(url, str) or not url.strip():
            raise ValueError(
                "expected the URL of the billing database, for example postgresql://user@host/billing, found none. "
                "If it is read from an environment variable, set that variable."
            )
        return url.strip()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of this database. Raises UnknownPolicy, and InvalidSettings for an invalid URL."""
        scope = Scope(self.name, self.url, None if self.tenants is None else tuple(map(str, self.tenants)))
        resource = billing_resource(scope)
        policy = Policy.from_values(_exact(self.policy))
        resources = dict(zip(map(scope.named, RESOURCES), (resource, policy_resource(policy)), strict=True))
        return complete(renamed(load_definitions(), scope), resources, policy, executor=None)


def _exact(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return policies with floats as text: a template converts values to numbers, and money is never a float."""
    return {
        name: [str(one) for one in value]
        if isinstance(value, list)
        else str(value)
        if isinstance(value, float)
        else value
        for name, value in values.items()
    }
