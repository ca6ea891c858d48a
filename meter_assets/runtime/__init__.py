"""Dagster's runtime: the instance, storages, launchers, processes and the web server.

Only this package may use Dagster's private API (`dagster._*`). A comment at each use gives the reason. Add here what
needs that API; definitions belong in `defs`.
"""
