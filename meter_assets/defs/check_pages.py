"""The pages of the checks, in the form in which the checks' descriptions show them.

The folder `meter_assets/check_pages` has one page for each check, as package data. Dagster renders a description as
Markdown, so it contains the page itself, and needs no link that works only in a checkout. Add here how a page is shown;
what a page says belongs in the page.
"""

import re
from collections.abc import Callable
from importlib.resources import files

LONGEST_LINE = 84
"""The most characters in a line of code: Dagster's page does not wrap it, and is as wide as its longest line."""
_LINK_TO_A_PAGE = re.compile(r"\[([^\[\]]+)\]\([^)\s]*\.md(#[^)\s]*)?\)")
_HOW_TO_LOOK = "\n## How to look\n"
_FOOTER = "\n[All checks]("
_SQL = re.compile(r"(?<=^```sql\n).*?(?=^```)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"(?:'[^']*'|[^\s'])+")
"""A part of a line of SQL at whose end it may be broken: no space in a text between apostrophes is one."""


Translation = Callable[[str], str]
"""Returns a statement of a page in the words of the database in use."""


def how_to_fix(check: str, translated: Translation) -> str:
    """Return what a check's page says: what the check means, the SQL that finds the rows, and how to fix them."""
    _, _, sections = _page(check).partition("\n## ")  # before it are the name, the invariant and its severity
    body, _, _ = sections.partition(_FOOTER)
    said = _LINK_TO_A_PAGE.sub(r"\1", f"## {body.strip()}")
    plain = _SQL.sub(lambda code: _short_lines(translated(code[0])), said)
    return re.sub(r"^## ", "#### ", plain, flags=re.MULTILINE)


def how_to_look(check: str, translated: Translation) -> str:
    """Return the SQL of a check's page that lists the rows of the tenant `:tenant` that violate its invariant."""
    return translated(_SQL.findall(_page(check).partition(_HOW_TO_LOOK)[2])[0])


def _page(check: str) -> str:
    return files("meter_assets").joinpath("check_pages", f"{check}.md").read_text(encoding="utf-8")


def _short_lines(sql: str) -> str:
    return "".join(f"{short}\n" for line in sql.splitlines() for short in _broken(line))


def _broken(line: str) -> list[str]:
    """Return a line of SQL as lines that are short enough, if it has places to break it."""
    if len(line) <= LONGEST_LINE:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    lines = [indent]
    for word in _WORD.findall(line):
        if lines[-1].strip() and len(lines[-1]) + len(word) > LONGEST_LINE:
            lines.append(f"{indent}    ")
        lines[-1] += f"{word} "
    return [one.rstrip() for one in lines]
