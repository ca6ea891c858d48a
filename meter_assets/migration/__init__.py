"""Everything that writes to the billing database: it runs, journals, checks, records and rolls back steps of a tenant.

Add here code that writes to the billing database. Plans that people review and approve, and the decisions that they
import, are packages. Code that only reads is in `reports` and `monitoring`.
"""
