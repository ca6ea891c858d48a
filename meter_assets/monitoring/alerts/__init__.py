"""Alerts: what a message says and how it reaches its receivers. Which events alert is in `defs.alerts`."""
