"""Benchmarks of the migration itself against what the database could do at best."""
