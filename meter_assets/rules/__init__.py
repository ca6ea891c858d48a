"""The rules of the migration: the steps, the invariants, and the undoing of steps.

Everything here is pure: a rule takes relations and returns a SELECT. Add a step in `steps` and an invariant in
`invariants`. Code that runs SQL or writes rows belongs in `migration`.
"""
