"""meter-assets: move a utility-billing database from balances per customer to balances per meter."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("meter-assets")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+source"
