"""Parameters of tests whose cases are not of every engine: each case with the engines that can hold it.

Add here what chooses engines for cases, or takes an ability from all of them. The fixture `engine_name` gives every
engine to a test that names none.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import pytest

from meter_assets.engines import ENGINES

T = TypeVar("T")
NewDatabase = Callable[[], AbstractContextManager[str]]
"""Makes a fresh database for each `with`, which yields its URL."""


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


@contextmanager
def without_temporary_tables() -> Iterator[None]:
    """Let no engine have temporary tables, as for a role without the right, or on a standby."""
    with pytest.MonkeyPatch.context() as patched:
        for engine in ENGINES.values():
            patched.setattr(engine, "begin_reading", lambda connection: False)
            patched.setattr(engine, "may_materialize", lambda connection: False)
        yield
