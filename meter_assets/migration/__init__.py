"""Writing: runs a step for one tenant, journals it, checks it, rolls it back, and records every run.

Add here what writes to the billing database. What only reads is in `reports` and `monitoring`.
"""
