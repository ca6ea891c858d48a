"""The version of this software, as it is installed."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("meter-assets")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+source"
