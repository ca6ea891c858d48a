"""The batch size that is no number. It is here alone, so that a command need not load the migration to name it."""

AUTO = -1
"""The batch size that follows the load of the server: see `pace`."""
