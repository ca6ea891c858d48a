"""Parameters of tests whose cases are not of every engine: each case with the engines that can hold it.

Add here what chooses engines for cases. The fixture `engine_name` gives every engine to a test that names none.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


def on_engines(
    cases: Mapping[str, T],
    engines: Callable[[T], Iterable[str]],
    *,
    thorough: Callable[[str, str], bool] = lambda name, engine: False,
) -> list[Any]:
    """Return the parameters `case` and `engine_name`: each case on each of its engines.

    `thorough` says, given a case's name and an engine, whether to leave it to the thorough tests.
    """
    return [
        pytest.param(
            case,
            engine,
            id=f"{name}-{engine}",
            marks=[
                *([pytest.mark.server] if engine != "sqlite" else []),
                *([pytest.mark.thorough] if thorough(name, engine) else []),
            ],
        )
        for name, case in cases.items()
        for engine in engines(case)
    ]
