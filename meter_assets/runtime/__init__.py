"""Dagster's runtime: instance, storages, launchers, processes and web server.

This is the only room that may use Dagster's private API (`dagster._*`); each use says why.
"""
