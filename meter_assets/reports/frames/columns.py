"""The columns of DataFrames: which type each has, and how values of the database become exact values of that type.

Money is decimal128 with four decimals, never a float; every column can have nulls. A value that a column cannot hold
exactly is an error, and is never rounded. Add a `Kind` here for a further type of value. What the frames contain is in
`parts`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, auto
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Date, DateTime, Integer
from sqlalchemy.types import TypeEngine

from meter_assets.billing.engine_types import DateText
from meter_assets.billing.money import ExactMoney
from meter_assets.errors import NotInFrame, PyarrowMissing
from meter_assets.formatting import in_utc

if TYPE_CHECKING:
    import pandas as pd

DIGITS, DECIMALS = 28, 4
"""Of money. Arrow subtracts decimals only if the result, which has one digit more, has at most 38 digits."""


class Kind(Enum):
    """What the values of a column are."""

    money = auto()
    number = auto()
    """A whole number, such as most ids."""
    text = auto()
    flag = auto()
    day = auto()
    moment = auto()


def kind_of(stored: TypeEngine[Any]) -> Kind:
    """Return the kind of the values of an expression, given its SQL type; text for a type that has no kind here."""
    kinds: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
        (ExactMoney, Kind.money),
        (Integer, Kind.number),
        (Boolean, Kind.flag),
        (DateTime, Kind.moment),
        (Date, Kind.day),
        (DateText, Kind.day),
    )
    return next((kind for one, kind in kinds if isinstance(stored, one)), Kind.text)


def require_pyarrow() -> None:
    """Raise PyarrowMissing if the library that holds the values is not installed."""
    if find_spec("pyarrow") is None:
        raise PyarrowMissing


def frame_of(columns: Mapping[str, Kind], rows: Sequence[Sequence[Any]]) -> "pd.DataFrame":
    """Return rows as a DataFrame with these columns, whose types are those of Arrow.

    Raises NotInFrame for a value that its column cannot hold exactly, PyarrowMissing.
    """
    require_pyarrow()
    import pandas as pd
    import pyarrow as pa

    values = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = [_array(name, kind, one) for (name, kind), one in zip(columns.items(), values, strict=True)]
    table = pa.Table.from_arrays(arrays, names=list(columns))
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _array(name: str, kind: Kind, values: Sequence[Any]) -> Any:
    """Return the values of a column as an array of Arrow. Raises NotInFrame."""
    import pyarrow as pa

    types: Mapping[Kind, tuple[Any, Callable[[Any], Any], str]] = {
        Kind.money: (pa.decimal128(DIGITS, DECIMALS), _money, f"an amount with at most {DECIMALS} decimals"),
        Kind.number: (pa.int64(), int, "a whole number of at most 63 bits"),
        Kind.text: (pa.string(), _text, "a text"),
        Kind.flag: (pa.bool_(), bool, "true or false"),
        Kind.day: (pa.date32(), _day, "a date"),
        Kind.moment: (pa.timestamp("us", tz="UTC"), _moment, "a point in time"),
    }
    arrow, converted, expected = types[kind]
    try:
        return pa.array([None if one is None else converted(one) for one in values], type=arrow)
    except (ValueError, TypeError, ArithmeticError):  # which the errors of Arrow are too
        for one in values:
            try:
                pa.array([None if one is None else converted(one)], type=arrow)
            except (ValueError, TypeError, ArithmeticError):
                raise NotInFrame(name, one, expected) from None
        raise


def _money(value: Any) -> Decimal:
    if not isinstance(value, (Decimal, int)):
        raise TypeError
    return Decimal(value)


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _day(value: Any) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value[: len("2024-01-31")])
    day: date = value.date() if isinstance(value, datetime) else value
    return day


def _moment(value: Any) -> datetime:
    return in_utc(datetime.fromisoformat(value) if isinstance(value, str) else value)
