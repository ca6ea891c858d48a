"""The forms in which commands of evidence print their results: text for people, JSON, or CSV.

Not here: how each is printed; that is `output.py`, `json_output.py` and `csv_output.py`.
"""

import functools
from collections.abc import Callable
from enum import StrEnum, auto
from typing import Any

import click


class Form(StrEnum):
    """What a command prints."""

    text = auto()
    json = auto()
    csv = auto()


def one_form(json_help: str, csv_help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds --json and --csv to a command, which gets the argument `form`.

    Giving both is wrong usage.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--json", "as_json", is_flag=True, help=json_help)
        @click.option("--csv", "as_csv", is_flag=True, help=csv_help)
        @functools.wraps(command)
        def chosen(*arguments: Any, as_json: bool, as_csv: bool, **named: Any) -> Any:
            if as_json and as_csv:
                raise click.UsageError("Give --json or --csv, not both.")
            form = Form.json if as_json else Form.csv if as_csv else Form.text
            return command(*arguments, form=form, **named)

        return chosen

    return decorate
