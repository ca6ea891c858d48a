"""The message of an alert: the news of one run as values, as a headline and as lines of text.

Change here what people read. The delivery of a message belongs in `delivery` and its channels.
"""

import hashlib
from typing import Any

from pydantic import BaseModel, field_validator

from meter_assets.foreign_text import Shown, named, shown, without_links

LISTED = 20
LONGEST = 800
_PLACES = {"__all__": {"tenant_name", "link"}}
_NOT_IN_ID: dict[str, Any] = {"database": True, "link": True, "newly_failing": _PLACES, "recovered": _PLACES}
"""Where something is does not make it other news, and messages in the outbox of version 1.2 keep their ids."""


class News(BaseModel):
    """One check of one tenant that started to fail, or that recovered."""

    tenant: Shown
    tenant_name: Shown = ""
    """Empty if it is not known, as in messages of version 1.2."""
    check: Shown
    severity: str
    link: str = ""
    """The address of the check in the Dagster UI, if METER_ASSETS_UI_URL names the UI."""
    says: str
    """The check's result in one line of at most LONGEST characters; for a recovered check, its description."""

    @field_validator("says")
    @classmethod
    def _one_line(cls, says: str) -> str:
        return shown(says, LONGEST)


class Message(BaseModel):
    """The news of one run: the first of the checks that started to fail, and of those that recovered.

    A message lists at most LISTED of each: receivers refuse messages that are too long.
    """

    run_id: Shown
    database: Shown = ""
    """The billing database, without its password."""
    link: str = ""
    """The address of the run in the Dagster UI, if METER_ASSETS_UI_URL names the UI."""
    newly_failing: list[News] = []
    recovered: list[News] = []
    newly_failing_count: int = 0
    """The total number; it can be omitted if all are listed."""
    recovered_count: int = 0

    def model_post_init(self, _context: Any) -> None:
        """Set a count that was not given to the number of listed checks."""
        self.newly_failing_count = max(self.newly_failing_count, len(self.newly_failing))
        self.recovered_count = max(self.recovered_count, len(self.recovered))

    @property
    def id(self) -> str:
        """An id that is the same if the same message is delivered twice."""
        return hashlib.sha256(self.model_dump_json(exclude=_NOT_IN_ID).encode()).hexdigest()[:16]

    @property
    def headline(self) -> str:
        """The message in one line."""
        counts = ((self.newly_failing_count, "newly failing"), (self.recovered_count, "recovered"))
        return f"meter-assets: {', '.join(f'{_checks(count)} {verb}' for count, verb in counts if count)}"

    @property
    def text(self) -> str:
        """The whole message as text."""
        return f"{self.headline}\n{self.details}"

    @property
    def details(self) -> str:
        """The text below the headline: where, then what. A receiver may cut the end of it.

        Each line starts with our own text, and no program turns its data into links.
        """
        lines = [
            *([without_links(f"Database: {self.database}")] if self.database else []),
            *([f"In the Dagster UI: {self.link}"] if self.link else []),
            *_listed("Newly failing", self.newly_failing, self.newly_failing_count),
            *_listed("Recovered", self.recovered, self.recovered_count),
        ]
        return "\n".join([*lines, "", without_links(f"Run {self.run_id}")])


def _listed(title: str, news: list[News], count: int) -> list[str]:
    if not count:
        return []
    lines = ["", f"{title}:"]
    for one in news:
        tenant = named(one.tenant, one.tenant_name) if one.tenant_name else one.tenant
        lines.append(without_links(f"- tenant {tenant}, {one.check}: {one.says}"))
        lines += [f"  {one.link}"] if one.link else []
    if count > len(news):
        lines.append(f"- and {count - len(news):,} more; the checks in the Dagster UI have them all")
    return lines


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count:,} checks"
