"""Every SQL construct, and every type of money, compiles on each of our engines and on no other."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from sqlalchemy import Column, Date, Dialect, Integer, MetaData, Table, literal_column
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.functions import FunctionElement

import meter_assets.billing
import meter_assets.rules
from meter_assets.billing.constructs import EngineConstruct
from meter_assets.billing.engine_types import types_of
from meter_assets.billing.money import AnyMoney, ExactMoney, amount
from meter_assets.billing.schema import billing_tables
from meter_assets.engines import ENGINES
from meter_assets.errors import ConstructNotImplemented

OURS: dict[str, Callable[[], Any]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
}
OTHERS: dict[str, Callable[[], Any]] = {"oracle": oracle.dialect, "mssql": mssql.dialect}
ROWS = Table("rows", MetaData(), Column("id", Integer), Column("on_day", Date))


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "has_decimals": (ROWS.c.id, literal_column("2")),
    "rounded": (ROWS.c.id, literal_column("2"), literal_column("'half_even'")),
    "is_flag": (ROWS.c.id,),
    "as_written": (ROWS.c.id,),
}
"""Of the constructs that cannot take any columns."""


def of_rows(construct: type[FunctionElement[Any]]) -> FunctionElement[Any]:
    return construct(*ARGUMENTS.get(construct.__name__, tuple(ROWS.c)))


def constructs() -> list[type[FunctionElement[Any]]]:
    """Return every construct that is declared in this package, wherever it is."""
    for package in (meter_assets.billing, meter_assets.rules):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    found = (one for one in _below(FunctionElement) if one.__module__.startswith("meter_assets."))
    return sorted({one for one in found if one is not EngineConstruct}, key=lambda one: one.__name__)


def _below(parent: type[Any]) -> Iterator[type[Any]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def dialect(name: str) -> Dialect:
    made: Dialect = {**OURS, **OTHERS}[name]()
    return made


def test_the_engines_are_those_that_are_tested() -> None:
    assert set(OURS) == set(ENGINES)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("construct", constructs())
def test_every_engine_compiles_every_construct(construct: type[FunctionElement[Any]], name: str) -> None:
    assert "rows" in str(of_rows(construct).compile(dialect=dialect(name)))


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("construct", constructs())
def test_a_construct_that_an_engine_lacks_raises(construct: type[FunctionElement[Any]], name: str) -> None:
    with pytest.raises(ConstructNotImplemented, match=rf"SQL construct {construct.__name__} is not .* for {name}\."):
        of_rows(construct).compile(dialect=dialect(name))


@pytest.mark.parametrize("name", OURS)
def test_a_construct_without_an_implementation_has_no_default(name: str) -> None:
    with pytest.raises(ConstructNotImplemented, match=f"SQL construct EngineConstruct is not implemented for {name}"):
        EngineConstruct(*ROWS.c).compile(dialect=dialect(name))


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(
    "use",
    [
        lambda dialect: amount(1).compile(dialect=dialect),
        lambda dialect: ExactMoney().process_bind_param(Decimal(1), dialect),
        lambda dialect: ExactMoney().process_result_value(1, dialect),
        lambda dialect: AnyMoney().compile(dialect=dialect),
        lambda dialect: types_of(dialect),
        *(
            lambda dialect, table=table: CreateTable(table).compile(dialect=dialect)
            for table in billing_tables().own.values()
            if any(isinstance(column.type, AnyMoney) for column in table.c)
        ),
    ],
)
def test_money_has_no_default_type(use: Callable[[Dialect], Any], name: str) -> None:
    with pytest.raises(ConstructNotImplemented, match=f"is not implemented for {name}"):
        use(dialect(name))


@pytest.mark.parametrize("value", ["0.29", "-0.01", "12345678901.23", "6.375", "0.0001", "-7.1200"])
@pytest.mark.parametrize("name", OURS)
def test_exact_money_keeps_every_digit(value: str, name: str) -> None:
    kind, given = ExactMoney(), Decimal(value)
    bound = kind.process_bind_param(given, dialect(name))
    assert kind.process_result_value(bound, dialect(name)) == given
    assert kind.process_bind_param(None, dialect(name)) is None
    assert kind.process_result_value(None, dialect(name)) is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (Decimal("0"), "0.00"),
        (Decimal("0E-20"), "0.00"),
        (Decimal("9.580"), "9.58"),
        (Decimal("9.5800000001"), "9.5800000001"),
        (Decimal("1E+15"), "1000000000000000.00"),
        (Decimal("-12345678901234567890123456789.0150"), "-12345678901234567890123456789.015"),
        (7, "7.00"),
        (Decimal("NaN"), "NaN"),
    ],
)
@pytest.mark.parametrize("name", ["postgresql", "mysql"])
def test_exact_money_is_read_in_one_form(value: Any, read: str, name: str) -> None:
    """Servers return it with the decimals of its column; SQLite returns whole numbers of ten-thousandths."""
    assert str(ExactMoney().process_result_value(value, dialect(name))) == read
