"""The rules of the migration: what each step would change, what must hold, and what undoing a step would change.

Everything here is pure: it takes relations and returns a SELECT. Add a step in `steps`, an invariant in `invariants`.
"""
