"""Alerts: what a message says, who receives it and how it is delivered. Which events alert is in `defs.alerts`.

A new receiver needs no code, only a URL in METER_ASSETS_ALERT_URLS. Nothing here knows Dagster or SQL.
"""
