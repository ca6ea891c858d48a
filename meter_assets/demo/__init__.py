"""Generated billing databases: clean tenants, named faults, and the demo database with both.

The demo, the tests and the benchmarks use them. Add here code that generates billing data. Nothing here knows how a
migration works, and no code of the migration imports this package.
"""
