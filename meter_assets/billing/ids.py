"""Ids of billing rows as people write them: in a command, in an address, in a file of decisions.

Add here what is common to all places where a text names a row. Which row a text names is decided by those places.
"""

_MOST_DIGITS = 20
"""Longer texts are not converted, which takes time that grows with the square of their length."""
_LARGEST = 2**63 - 1
"""The largest id of the type of integers that every engine has."""


def is_whole_number(text: str) -> bool:
    """Return whether a text is a whole number in ASCII digits: Python reads 1_0 and digits of other scripts too."""
    return text.isascii() and text.removeprefix("-").isdigit()


def integer_id(text: str) -> int | None:
    """Return the number that a text names; None if it is none, or larger than any id of a database."""
    if not is_whole_number(text) or len(text) > _MOST_DIGITS:
        return None
    found = int(text)
    return found if abs(found) <= _LARGEST else None
