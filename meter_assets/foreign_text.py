"""Functions that escape text from other sources for the place where it is shown: a terminal, a message, a file.

Customers and other programs write the names, numbers, statuses and error texts in the billing database. Every such text
passes through one of these functions before a person sees it. Add a function here for each new kind of place. Our own
text does not need them. Nothing here knows the database, Dagster or the terminal.
"""

import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

LONGEST = 200
"""The most characters of one foreign text that are shown; a real name, number or status has fewer."""
LONGEST_NAME = 255
"""The most bytes that the name of a file may have."""
_ZERO_WIDTH_SPACE = "\u200b"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that move the cursor, reorder or end a line, or are invisible."""
_JOINERS = frozenset({"\u200c", "\u200d"})
"""Persian and several Indian scripts need them inside words; they change nothing outside the word."""
_PLAIN = re.compile(r"[\w.+%][\w.:+%/-]*|-?\d[\d.,]*|\d{4}-\d\d-\d\d[ T]\d\d:\d\d[\d:.+Z-]*")
"""Values that need no quotation marks in a sentence: one word, a number, a point in time."""
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=[Ww]{3})(?=\.)|(?<=@)|(?<=!)(?=\[)|(?<=\])(?=[\[(:])|(?<=[&#])")
"""Positions at which an invisible character breaks a link, an image, a mention, an entity or a channel's name."""
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
_FORMULA = re.compile(r"(^|[;,|\t])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_PROTECTED = re.compile(_FORMULA.pattern.replace("(?=", "'(?="))
_UNSAFE_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def visible(text: str) -> str:
    r"""Return a text with every invisible character written as an escape, such as \x1b or \u202e.

    The result is one line that a terminal or a log prints unchanged, in its written order.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(one) if unicodedata.category(one) in _HIDDEN else one for one in text)


def _escape(one: str) -> str:
    if one in _JOINERS or one == _ZERO_WIDTH_SPACE:
        return one
    return one.encode("unicode_escape").decode("ascii") if one != "\\" else one


def visible_lines(text: str) -> str:
    """Return our own text of several lines, with every other invisible character written as an escape."""
    return "\n".join(map(visible, text.split("\n")))


def plain_text(value: Any) -> str:
    """Return a value of the database as text, a number by its digits: 0.00000001, where Python writes 1E-8."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def shown(value: Any, longest: int = LONGEST) -> str:
    """Return a value of the database as text for people: visible, and truncated to a length."""
    text = visible(plain_text(value)[: longest + 1])
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def quoted(value: Any) -> str:
    """Return a value for use in one of our sentences: in quotation marks, unless it is one word or a number.

    The quotation marks keep a name or a payment from looking like part of the message.
    """
    text = shown(value)
    return text if _PLAIN.fullmatch(text) else f'"{text.replace(chr(34), chr(39))}"'


def named(key: str, name: str) -> str:
    """Return a tenant's key and its name, in the form that all sentences and tables use."""
    return f'{shown(key)} "{shown(name).replace(chr(34), chr(39))}"'


Shown = Annotated[str, BeforeValidator(shown)]
"""A field of a report that contains foreign text: every value passes through `shown`."""


def without_links(text: str) -> str:
    """Return a text in which no chat or mail program finds a link, an image, a mention or an entity.

    Zero-width spaces break them apart, so that people still read the original text.
    """
    return _LINKS.sub(_ZERO_WIDTH_SPACE, text)


def spreadsheet_cell(value: Any) -> Any:
    """Return a value as a cell of a CSV or spreadsheet file that no program reads as a formula.

    A text that starts with =, +, - or @, or has one of these after a separator at which a program may split it, gets an
    apostrophe there. Numbers, dates and nulls stay unchanged.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1\2'", text)


def without_apostrophe(text: str) -> str:
    """Return the text of a cell without an apostrophe at its start that only keeps it from being read as a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def without_apostrophes(text: str) -> str:
    """Return the text of a cell without any apostrophe that `spreadsheet_cell` has put in, or may have."""
    return _PROTECTED.sub(r"\1\2", text)


def file_name(text: str, longest: int = 80) -> str:
    """Return a text as part of a file's name: letters, digits, '_' and '-' only, and never empty."""
    return _UNSAFE_IN_A_NAME.sub("_", text)[:longest] or "_"
