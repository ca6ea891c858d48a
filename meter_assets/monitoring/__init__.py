"""Monitoring after go-live: which tenants changed, which invariants they violate, and alerts about it.

Nothing here writes to the billing database. The jobs and sensors that call it are in `defs`.
"""
