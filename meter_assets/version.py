"""The installed version of this software. Add nothing else here: every room may import it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("meter-assets")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+source"
