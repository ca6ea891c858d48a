"""The billing data: logical tables, a tenant's rows, money, changes and policies.

Add here what describes the billing data, or computations over it that several packages need. Nothing here uses a
connection, a clock, the environment or Dagster. The migration's rules are in `rules`, differences between databases in
`engines`.
"""
