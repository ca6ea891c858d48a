"""The pages of the checks, in the form in which the checks' descriptions show them.

The folder `meter_assets/check_pages` has one page for each check, as package data. Dagster renders a description as
Markdown, so it contains the page itself, and needs no link that works only in a checkout. Add here how a page is shown;
what a page says belongs in the page.
"""

import re
from importlib.resources import files

_LINK_TO_A_PAGE = re.compile(r"\[([^\[\]]+)\]\([^)\s]*\.md(#[^)\s]*)?\)")
_FOOTER = "\n[All checks]("


def how_to_fix(check: str) -> str:
    """Return what a check's page says: what the check means, the SQL that finds the rows, and how to fix them."""
    page = files("meter_assets").joinpath("check_pages", f"{check}.md").read_text(encoding="utf-8")
    _, _, sections = page.partition("\n## ")  # before it are the name, the invariant and its severity
    body, _, _ = sections.partition(_FOOTER)
    return re.sub(r"^## ", "#### ", _LINK_TO_A_PAGE.sub(r"\1", f"## {body.strip()}"), flags=re.MULTILINE)
