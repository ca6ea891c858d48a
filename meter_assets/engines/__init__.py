"""Databases: one module per engine, behind the protocol of `base`.

Add here everything that depends on which database it is. Rules and queries that all engines share are elsewhere.
"""
