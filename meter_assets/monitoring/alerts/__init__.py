"""Alerts: the text of messages, their receivers and their delivery. The events that cause alerts are in `defs.alerts`.

A new receiver needs no code, only a URL in METER_ASSETS_ALERT_URLS. Nothing here knows Dagster or SQL.
"""
