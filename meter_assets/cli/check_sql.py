"""The command `check-sql`: the SQL of a check's page, for the database in use and one tenant.

Add here what only this command prints. The SQL itself is in the page.
"""

import click
from pydantic import BaseModel
from sqlalchemy import literal

from meter_assets import settings
from meter_assets.cli.json_output import print_json
from meter_assets.defs.check_pages import how_to_look
from meter_assets.errors import InvalidSettings


class CheckSql(BaseModel):
    """The SQL that lists the rows of a tenant that violate a check."""

    check: str
    tenant: str
    sql: str


def show_check_sql(check: str, tenant_key: str, *, as_json: bool = False) -> int:
    """Print the statement that lists the rows of a tenant that violate an invariant. Return the exit status.

    Raises InvalidSettings if tables are mapped, UnknownTenant for a key that no tenant has.
    """
    if settings.mapping().tables:
        raise InvalidSettings(
            "check-sql prints SQL for the usual names of tables and columns, and in this database they have others "
            "([tables] of the configuration file). Change the names in the statement of the check's page yourself."
        )
    database = settings.billing_database()
    database.remember()
    (tenant,) = database.tenants(database.tenant_keys([tenant_key]))
    compiled = literal(tenant.id).compile(dialect=database.engine.dialect, compile_kwargs={"literal_binds": True})
    sql = how_to_look(check, database.backend.sql_of_page).replace(":tenant", str(compiled))
    if as_json:
        print_json(CheckSql(check=check, tenant=tenant.key, sql=sql))
    else:
        click.echo(sql, nl=False)
    return 0
