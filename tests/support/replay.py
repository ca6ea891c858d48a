"""Hooks of pytest that give every failure the command that runs it again with the same drawn examples.

`tests/conftest.py` takes them over. A test that draws by other means than hypothesis takes a seed that is a constant.
"""

import random
import shlex
from collections.abc import Generator

import pytest

SEED = "hypothesis_seed"
PROFILE = "hypothesis_profile"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed where none is given, so that it is known: hypothesis and the workers of xdist take it over."""
    if getattr(config.option, SEED, None) is None:
        setattr(config.option, SEED, str(random.SystemRandom().randrange(2**32)))


def pytest_report_header(config: pytest.Config) -> str:
    """Say the seed at the top, also of a run that is interrupted."""
    return f"hypothesis seed: {getattr(config.option, SEED)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the command to the report of a test that failed."""
    report = yield
    if report.failed:
        report.sections.append(("to run it again", replay_of(item)))
    return report


def replay_of(item: pytest.Item) -> str:
    """Return the line that says how to run a test again."""
    profile = getattr(item.config.option, PROFILE, None)
    options = [f"--hypothesis-profile={profile}"] if profile else []
    options.append(f"--hypothesis-seed={getattr(item.config.option, SEED)}")
    return f"replay: ./dev test-one {shlex.join([item.nodeid, *options])}"
