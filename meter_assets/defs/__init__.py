"""Dagster: each asset with its checks right under it, one module per step; the jobs; the sensor. No SQL."""
