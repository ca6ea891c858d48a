"""Watching after go-live: which tenants changed, which invariants fail since, and who is told."""
