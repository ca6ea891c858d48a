"""The SQL of the pages of the checks, in the words of MySQL and MariaDB.

The pages have one statement for all engines. What these servers write otherwise is translated here: text, not trees,
because the statements are ours, and each is compared with its check on a server by a test. Add here a form that a page
uses and these servers do not know.
"""

import re

from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB, RESERVED_WORDS_MYSQL

from meter_assets.engines.mysql.constructs import in_binary, without_blanks

_BLANKS_CTE = re.compile(r"WITH blanks AS \(\n.*?\n\)(, |\n)", re.DOTALL)
_NESTED = r"(?:[^()]|\((?:[^()]|\([^()]*\))*\))*"
_TRIM = re.compile(rf"TRIM\(({_NESTED}), \(SELECT characters FROM blanks\)\)")
_VALUES = re.compile(r"VALUES (\('[^']*'\)(?:,\s*\('[^']*'\))*)")
_OPERAND = rf"(?:'[^']*'|\w+\({_NESTED}\)|[\w.]+)"
_CHAIN = re.compile(rf"{_OPERAND}(?: \|\| {_OPERAND})+")
_NAMES = re.compile(r"'[^']*'|\b([a-z_]+)\b")
"""A text between apostrophes, or a name: the pages write keywords in capitals."""
_RESERVED = RESERVED_WORDS_MYSQL | RESERVED_WORDS_MARIADB
_TYPES = {"TEXT": "CHAR", "INTEGER": "SIGNED"}


def sql_of_page(sql: str) -> str:
    """Return a statement of a page as these servers understand it."""
    sql = _BLANKS_CTE.sub(lambda found: "WITH " if found[1] == ", " else "", sql)
    sql = _TRIM.sub(lambda found: without_blanks(in_binary(found[1])), sql)
    sql = _VALUES.sub(
        lambda found: " UNION ALL ".join(f"SELECT {one}" for one in re.findall(r"'[^']*'", found[1])), sql
    )
    sql = _CHAIN.sub(lambda found: f"CONCAT({', '.join(re.findall(_OPERAND, found[0]))})", sql)
    sql = re.sub(r"\bAS (TEXT|INTEGER)\)", lambda found: f"AS {_TYPES[found[1]]})", sql)
    return _NAMES.sub(lambda found: f"`{found[0]}`" if found[1] in _RESERVED else found[0], sql)
