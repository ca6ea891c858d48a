"""The command line as it was given: the name of its command, its options, and how to give it again.

Add here what messages need to know about the given command. What a command does is in `session`.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import click
from click.core import ParameterSource

from meter_assets import settings

_OF_TENANTS = frozenset({"tenants"})
"""The parameters that select tenants."""


@dataclass(frozen=True)
class Invocation:
    """A command with the words of its options: those that select tenants, and the others."""

    name: str = "migrate-meter-financials"
    selection: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @classmethod
    def current(cls, *, without: Sequence[str] = ()) -> "Invocation":
        """Return the command that click executes now; `without` names parameters that are not to be given again."""
        context = click.get_current_context()
        selection: list[str] = []
        options: list[str] = []
        for one in context.command.params:
            name = one.name or ""
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE and name not in without:
                words = _words(one, context.params[name])
                (selection if name in _OF_TENANTS else options).extend(words)
        return cls(context.command.name or "", tuple(selection), tuple(options))

    def again(self, tenants: Sequence[str] | None = None) -> str:
        """Return the command line that gives this command again, for these tenants or for the same ones."""
        selection = self.selection if tenants is None else [word for key in tenants for word in ("--tenant", key)]
        return " ".join([settings.command("meter-assets"), shlex.join([self.name, *selection, *self.options])])


def _words(parameter: click.Parameter, value: object) -> list[str]:
    option = parameter.opts[-1]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [option] if value else []
    if parameter.multiple and isinstance(value, tuple):
        return [word for one in value for word in (option, str(one))]
    return [option, str(value)]
