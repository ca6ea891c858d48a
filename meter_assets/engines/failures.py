"""`Failure`: what an error of a driver means, and the advice that follows from it.

Add a member for errors that need other advice; each engine maps its drivers' codes to the members. The sentences around
the advice are in `errors`.
"""

from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.foreign_text import shown

LONGEST_REASON = 500
"""The most characters of a server's message that are shown: a trigger may raise a text of any length."""
_DRIVERS = ("sqlalchemy.", "psycopg2.", "pymysql.", "sqlite3.", "meter_assets.engines.")


class Failure(Enum):
    """What an error of a driver means."""

    CONFLICT = auto()
    """Others changed the same rows; the transaction can be tried again."""
    KEPT_WAITING = auto()
    """The transaction gave up waiting for another transaction's lock; it can be tried again."""
    INTERRUPTED = auto()
    """Ctrl-C ended the statement, and the driver swallowed the exception."""
    NO_DATABASE = auto()
    """The file is not a database, or is damaged."""
    BUSY = auto()
    """Another program kept the whole database locked for longer than SECONDS_UNTIL_BUSY."""
    REFUSED = auto()
    """This role may not do that, or this database is read-only."""
    SCHEMA = auto()
    """A table, a column, a function or a type is not as the statement expects."""
    UNREADABLE = auto()
    """The driver cannot read a value."""
    DATA = auto()
    """A value is invalid, or a constraint or a trigger refuses it."""
    RESOURCES = auto()
    """The server has no more disk space, memory or connections."""
    ENDED = auto()
    """The connection was lost, or the server ended the statement or the connection."""
    INTERNAL = auto()
    """An error inside the server, or of its disk."""

    @property
    def can_be_tried_again(self) -> bool:
        """Whether the same statement may succeed without any change."""
        return self in (Failure.CONFLICT, Failure.KEPT_WAITING, Failure.BUSY, Failure.ENDED)


_ADVICE = {
    Failure.CONFLICT: "Other programs write these rows: run the tenant again",
    Failure.KEPT_WAITING: "Another program has locked these rows or this table: when it has ended, run again",
    Failure.BUSY: "Another program has locked the database: when it has ended, run again",
    Failure.ENDED: "The connection or the statement was ended: run again",
    Failure.REFUSED: "Give the role that right ('meter-assets grants' prints what each purpose needs), then run again",
    Failure.SCHEMA: "Compare the tables, columns and functions that it names with those of the database, and check the "
    "role's rights and search path; correct them, then run again",
    Failure.UNREADABLE: "Correct the value, then run again",
    Failure.DATA: "Correct the value, or the constraint or trigger that refuses it, then run again",
    Failure.RESOURCES: "Give the server more disk space, memory or connections, then run again",
    Failure.NO_DATABASE: "Restore the file from a backup, then run again",
    Failure.INTERNAL: "This is an error inside the server or of its disk: look in the server's log and fix it there, "
    "then run again",
}


def advice_for(failure: Failure | None) -> str:
    """Return what to do about a failure, as the beginning of a sentence that ends with 'run again'."""
    return _ADVICE.get(failure, "Fix the cause, then run again") if failure else "Fix the cause, then run again"


def reason(error: SQLAlchemyError) -> str:
    """Return the driver's own message on one line, visible and truncated to a length.

    libpq adds a question to some messages ("Is the server running on that host ...?"). It is left out: our own advice
    follows the message.
    """
    lines = _message(getattr(error, "orig", None) or error).splitlines()
    said = [line for line in lines if not line.rstrip().endswith("?")] or lines
    return shown(" ".join(" ".join(said).split()), LONGEST_REASON).rstrip(".")


def _message(error: BaseException) -> str:
    match error.args:
        case (int(number), str(said)):  # as PyMySQL has it
            return f"{said} (error {number})"
    return str(error)


def reason_and_place(error: DBAPIError, place: str) -> str:
    """Return the driver's own message with the place of the error, if there is one."""
    return f"{reason(error)} ({place})" if place else reason(error)


def reason_of_value(error: Exception) -> str:
    """Return why a value could not be read or sent, as `reason` does; with the bytes that are not text."""
    if isinstance(error, UnicodeDecodeError):
        return shown(f"{error.reason} in the {error.encoding} text {error.object!r}", LONGEST_REASON)
    return shown(" ".join(str(error).split()) or type(error).__name__, LONGEST_REASON).rstrip(".")


def is_of_a_value(error: Exception) -> bool:
    """Return whether a driver raised an error that is none of its own, since it could not read or send a value."""
    if not isinstance(error, ValueError | TypeError | ArithmeticError):
        return False
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and str(last.tb_frame.f_globals.get("__name__", "")).startswith(_DRIVERS)
