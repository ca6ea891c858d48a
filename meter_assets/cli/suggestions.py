"""The group of commands, which suggests the commands that an unknown name may mean.

Add here how a command is found by its name. The commands themselves are in `commands`.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher

import click

_SIMILAR = 0.7


class CommandGroup(click.Group):
    """A group that lists its commands in the order of a migration, and names the near ones if one does not exist."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the named command. Raises click.UsageError with suggestions if there is none."""
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        near = " or ".join(f"'{one}'" for one in near_names(name, self.commands))
        raise click.UsageError(f"No such command {name!r}." + (f" Did you mean {near}?" if near else ""), ctx)


def near_names(given: str, names: Iterable[str]) -> list[str]:
    """Return the names that a given text may mean: if one starts with the other, or else the most similar names.

    A name is similar to a text that resembles the whole name or its first words. The separators of artisan commands and
    of jobs count as hyphens.
    """
    text, known = given.lower().replace(":", "-").replace("_", "-"), list(names)
    starting = [one for one in known if text and (one.startswith(text) or text.startswith(f"{one}-"))]
    if starting:
        return starting
    likeness = {one: max(SequenceMatcher(None, text, start).ratio() for start in _starts(one)) for one in known}
    best = max(likeness.values(), default=0)
    return [one for one in known if likeness[one] == best >= _SIMILAR]


def _starts(name: str) -> list[str]:
    """Return the first word of a name, its first two, and so on."""
    words = name.split("-")
    return ["-".join(words[:count]) for count in range(1, len(words) + 1)]
