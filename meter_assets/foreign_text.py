"""Text that others wrote, made harmless for the place where it is shown: a terminal, a message, a spreadsheet, a file.

A name, a number, a status or an error text of the billing database is written by customers and by other programs. Every
such text passes one of these functions before a person sees it. Add a function here for each new kind of place; what
is text of our own needs none of them. Nothing here knows the database, Dagster or the terminal.
"""

import re
import unicodedata
from typing import Annotated, Any

from pydantic import BeforeValidator

LONGEST = 200
"""So many characters of one foreign text are shown; an honest name, number or status has fewer."""
LONGEST_NAME = 255
"""So many bytes the name of a file may have."""
_ZERO_WIDTH_SPACE = "\u200b"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what moves a cursor, reorders a line, ends it, or is not seen."""
_JOINERS = frozenset({"\u200c", "\u200d"})
"""Persian and several Indian scripts need them inside words; they change nothing outside the word."""
_PLAIN = re.compile(r"[\w.+%][\w.:+%/-]*|-?\d[\d.,]*|\d{4}-\d\d-\d\d[ T]\d\d:\d\d[\d:.+Z-]*")
"""What needs no quotation marks to be told from our own words: one word, a number, a point in time."""
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=[Ww]{3})(?=\.)|(?<=@)|(?<=!)(?=\[)|(?<=\])(?=[\[(:])|(?<=[&#])")
"""Where a link, an image, a mention, an entity or a channel's name is taken apart by a character that is not seen."""
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
_FORMULA = re.compile(r"(^|[;,|\t])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_UNSAFE_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def visible(text: str) -> str:
    r"""Return a text with every character that is not seen written as an escape, such as \x1b or \u202e.

    What is left is one line that a terminal or a log prints as it is, from left to right by its own letters.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(one) if unicodedata.category(one) in _HIDDEN else one for one in text)


def _escape(one: str) -> str:
    if one in _JOINERS or one == _ZERO_WIDTH_SPACE:
        return one
    return one.encode("unicode_escape").decode("ascii") if one != "\\" else one


def visible_lines(text: str) -> str:
    """Return a text of several lines, of ours, with whatever else is not seen written as an escape."""
    return "\n".join(map(visible, text.split("\n")))


def shown(value: Any, longest: int = LONGEST) -> str:
    """Return a value of the database as text for people: visible, and cut at a length."""
    text = visible(str(value)[: longest + 1])
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def quoted(value: Any) -> str:
    """Return a value as it stands in a sentence of ours: in quotation marks, unless it is one word or a number.

    So a payment or a name cannot pass for a message.
    """
    text = shown(value)
    return text if _PLAIN.fullmatch(text) else f'"{text.replace(chr(34), chr(39))}"'


def named(key: str, name: str) -> str:
    """Return a tenant's key and its name, as every sentence and table names a tenant."""
    return f'{shown(key)} "{shown(name).replace(chr(34), chr(39))}"'


Shown = Annotated[str, BeforeValidator(shown)]
"""A field of a report that holds foreign text: whatever is put there is shown text."""


def without_links(text: str) -> str:
    """Return a text in which no chat or mail program finds a link, an image, a mention or an entity.

    They are taken apart by zero-width spaces, so that people read what was there.
    """
    return _LINKS.sub(_ZERO_WIDTH_SPACE, text)


def spreadsheet_cell(value: Any) -> Any:
    """Return a value as a cell of a CSV or spreadsheet file that no program takes for a formula.

    A text that begins with =, +, - or @, also behind a separator at which a program may split it, gets an apostrophe
    there. Numbers, dates and nulls stay as they are.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1\2'", text)


def file_name(text: str, longest: int = 80) -> str:
    """Return a text as part of a file's name: letters, digits, '_' and '-' only, and never empty."""
    return _UNSAFE_IN_A_NAME.sub("_", text)[:longest] or "_"
