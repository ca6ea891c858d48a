"""Copies of the billing tables for a rehearsal: which columns, with which values masked, and into which database.

The billing database is only read. Add here what a copy contains and where it is stored; how rows are moved is in
`engines`, and what is done with the copy is in `cli.rehearsal`.
"""
