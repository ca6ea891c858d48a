"""The data: logical tables, a tenant's rows, money, changes and policies.

Add here what describes the billing data or computes over it for several rooms. No connection, no clock, no environment,
no Dagster: rules are in `rules`, what differs between databases in `engines`.
"""
