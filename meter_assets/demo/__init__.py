"""Made-up billing databases: clean tenants, named faults, and the demo that puts both together.

For the demo, the tests and the benchmarks. Nothing here knows how a migration works, and nothing of the migration
imports this.
"""
