"""How SQLAlchemy's compiler for MySQL is corrected, where its SQL is not what our statements need.

Add a method here only for what every statement needs; how one of our constructs is compiled is in `constructs`.
"""

from itertools import product
from typing import Any

from sqlalchemy import BinaryExpression, Cast, Dialect, Join, Table
from sqlalchemy.dialects.mysql.base import MySQLCompiler, MySQLDDLCompiler


class Compiler(MySQLCompiler):
    """Compiles our statements for MySQL and MariaDB."""

    def visit_is_distinct_from_binary(self, binary: BinaryExpression[Any], operator: Any, **kw: Any) -> str:
        """Compare two values of which each may be null, with literals in place of parameters if that is wanted."""
        return f"NOT ({self.process(binary.left, **kw)} <=> {self.process(binary.right, **kw)})"

    def visit_is_not_distinct_from_binary(self, binary: BinaryExpression[Any], operator: Any, **kw: Any) -> str:
        """Compare two values of which each may be null, with literals in place of parameters if that is wanted."""
        return f"{self.process(binary.left, **kw)} <=> {self.process(binary.right, **kw)}"

    def visit_cast(self, cast: Cast[Any], **kw: Any) -> str:
        """Leave a value as it is if no CAST has its type, such as that of a UUID."""
        value, kind = self.process(cast.clause, **kw), self.process(cast.typeclause, **kw)
        return f"CAST({value} AS {kind})" if kind else value

    def visit_join(self, join: Join, asfrom: bool = False, from_linter: Any = None, **kw: Any) -> str:
        """Tell the check for unconnected tables which tables a join of joins connects."""
        if from_linter is not None:
            from_linter.edges.update(product(join.left._from_objects, join.right._from_objects))
        return super().visit_join(join, asfrom=asfrom, from_linter=from_linter, **kw)


class DDLCompiler(MySQLDDLCompiler):
    """Compiles our tables for MySQL and MariaDB."""

    def post_create_table(self, table: Table) -> str:
        """Let every table have transactions, whatever the server's default is."""
        return f"{super().post_create_table(table)} ENGINE=InnoDB"


def correct(dialect: Dialect) -> None:
    """Let a dialect of SQLAlchemy compile our statements and tables."""
    dialect.statement_compiler, dialect.ddl_compiler = Compiler, DDLCompiler
