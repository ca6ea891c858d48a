"""The component MeterMigration: the whole graph for one billing database, added to a Dagster project by YAML.

Add a field here for what a project may choose about a database. What is chosen for a whole instance (watching, alerts,
the launchpad) is said in the environment; see `settings`. How a graph gets other names is in `renaming`.
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
    """What `dg scaffold defs meter_assets.MeterMigration` may be told."""

    url: str = Field(
        default="{{ env.METER_ASSETS_DATABASE_URL }}", description="The billing database's URL, or its template."
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
        told = request.params.model_dump()
        dg.scaffold_component(request, {name: value for name, value in told.items() if value})


@dg.scaffold_with(MeterMigrationScaffolder)
class MeterMigration(dg.Component, dg.Resolvable, dg.Model):
    """The migration of a utility-billing database from balances per customer to balances per meter.

    Adds its assets, checks, jobs, sensors and resources to a project. A project may have several, for several billing
    databases: give each but one a name, which comes before its assets' keys and behind all other names. What watches
    an instance as a whole (the schedules and their jobs, and the alerts) comes with the one that has no name.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # the URL may hold a password

    url: str = Field(
        repr=False,
        description="The billing database's URL. Take it from the environment, {{ env.BILLING_URL }}, to keep its "
        "password out of YAML. It is shown on no page of Dagster.",
    )
    name: str = Field(
        default="",
        pattern=LEGAL_NAME,
        description="The name of this database in the project, such as north: small letters, digits and underscores. "
        "The assets are then north/meter_balances, the jobs migrate_meter_financials_north.",
    )
    policy: dict[str, Any] = Field(
        default_factory=dict,
        description="The policies that differ from their defaults, by name, as in the table [policy] of the "
        "configuration file.",
    )
    tenants: list[str | int] | None = Field(
        default=None, description="The tenants to restrict the graph to, by their ids; without, all."
    )

    @field_validator("url", mode="before")
    @classmethod
    def _require_url(cls, url: Any) -> str:
        """Refuse what a template leaves of a variable that is not set."""
        if not isinstance(url, str) or not url.strip():
            raise ValueError(
                "expected the URL of the billing database, for example postgresql://user@host/billing, found none. "
                "If it is taken from an environment variable, set that variable."
            )
        return url.strip()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of this database. Raises UnknownPolicy, and InvalidSettings for a URL."""
        scope = Scope(self.name, self.url, None if self.tenants is None else tuple(map(str, self.tenants)))
        resource = billing_resource(scope)
        policy = Policy.from_values(_exact(self.policy))
        resources = dict(zip(map(scope.named, RESOURCES), (resource, policy_resource(policy)), strict=True))
        return complete(renamed(load_definitions(), scope), resources, policy, executor=None)


def _exact(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return policies as they are written in YAML: a template makes numbers of them, and money is never a float."""
    return {
        name: [str(one) for one in value]
        if isinstance(value, list)
        else str(value)
        if isinstance(value, float)
        else value
        for name, value in values.items()
    }
