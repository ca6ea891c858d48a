"""Conditions on one stored value: whether a flag is set, and whether a text is one of some names.

Statuses, bill types and flags are written in many ways; every query compares them here. Add a condition here if several
rules ask it of a value. Which names a policy has is in `policy`; conditions on whole rows are in `relations`.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Enum, FromClause, Integer, Numeric, String, Text, and_, cast, func, true

from meter_assets.billing.constructs import without_blanks
from meter_assets.billing.policy import folded

_TEXTS_NOT_SET = ("", "0", "f", "false", "n", "no", "off", "0000-00-00", "0000-00-00 00:00:00")


def is_active(assignments: FromClause) -> ColumnElement[bool]:
    """Return whether an assignment is active; null is not active; a number (TINYINT, INTEGER) is, unless it is 0."""
    return is_set(assignments.c.is_active)


def is_set(flag: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a flag is set: true, a number but 0, a date, or a text that does not say no."""
    if isinstance(flag.type, Boolean):
        return flag.is_(true())
    if isinstance(flag.type, (Integer, Numeric)):
        return func.coalesce(flag, 0) != 0
    if isinstance(flag.type, String):
        return func.coalesce(func.lower(without_blanks(as_text(flag))), "").not_in(_TEXTS_NOT_SET)
    return flag.is_not(None)


def as_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a column as text, also if its type is an enumeration."""
    plain = isinstance(column.type, String) and not isinstance(column.type, Enum)
    return column if plain else cast(column, String(255))


def folded_text(text: ColumnElement[Any], wanted: Iterable[str]) -> ColumnElement[str]:
    """Return a text in the form of `policy.folded`, to be compared with these folded texts.

    Engines fold letters beyond ASCII in different ways, or not at all: those that occur in `wanted` are replaced here.
    """
    value: ColumnElement[Any] = without_blanks(as_text(text))
    for small in sorted({one for text in wanted for one in text if not one.isascii()}):
        capital = small.upper()
        if len(capital) == 1 and capital != small:
            value = func.replace(value, capital, small, type_=Text())
    return func.lower(value, type_=Text())


def is_one_of(text: ColumnElement[Any], wanted: Iterable[str]) -> ColumnElement[bool]:
    """Return whether a text is one of these, compared without case and surrounding blanks; null is none of them."""
    values = sorted(set(map(folded, wanted)))
    return and_(text.is_not(None), folded_text(text, values).in_(values))


def has_status(rows: FromClause, statuses: Iterable[str]) -> ColumnElement[bool]:
    """Return whether a row's status is one of these; a null status is none of them."""
    return is_one_of(rows.c.status, statuses)
