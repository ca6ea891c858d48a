"""Money and time as text for people.

Add a function here when a value must look the same in the terminal, in messages and on Dagster's pages. Functions for
text from the billing database or from other programs are in `foreign_text`.
"""

from datetime import UTC, datetime
from decimal import Decimal

MINOR_UNIT_DIGITS = 2
"""Decimal places of a currency unit: a minor unit is a hundredth of it."""
SHORT_RUN_ID = 8
"""How many characters of a run's id are shown, as on Dagster's pages; more where two runs have the same ones."""
SECONDS_WITH_A_FRACTION = 10
"""Durations below this are shown with tenths of seconds."""


def show_money(value: Decimal | None) -> str:
    """Return money in currency units as text: '1,234.50'; '-' for None."""
    if value is None or not value.is_finite():
        return "-" if value is None else str(value)
    return f"{value or abs(value):,.{decimals_of(value)}f}"  # without a negative zero


def plain_money(value: Decimal) -> str:
    """Return money in currency units as text for programs, in one form: 1234.50, 0.00 for every zero, and NaN."""
    if not value.is_finite():
        return str(value)
    return f"{value or abs(value):.{decimals_of(value)}f}"  # without a negative zero


def decimals_of(value: Decimal) -> int:
    """Return with how many decimals a finite amount is written: as many as it needs, but at least the usual two.

    No digit is rounded away, however many the amount has.
    """
    return max(MINOR_UNIT_DIGITS, len(f"{value:f}".partition(".")[2].rstrip("0")))


def minor_units(value: Decimal) -> int:
    """Return money as a whole number of minor units (hundredths), for a plot; smaller fractions are truncated."""
    return int(value.scaleb(MINOR_UNIT_DIGITS))


def show_time(moment: datetime) -> str:
    """Return a recorded point in time as text in UTC; without a time zone, it is taken as UTC."""
    return f"{in_utc(moment):%Y-%m-%d %H:%M:%S} UTC"


def in_utc(moment: datetime) -> datetime:
    """Return a recorded point in time in UTC; without a time zone, it is taken as UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def show_duration(seconds: float) -> str:
    """Return a duration as text: '0.4 s', '12 s', '3 min 05 s', '2 h 07 min'."""
    if seconds < SECONDS_WITH_A_FRACTION:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min"


def counted(count: int, word: str) -> str:
    """Return a number with its word in the singular or plural: '1 violation', '2,000 violations'."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
