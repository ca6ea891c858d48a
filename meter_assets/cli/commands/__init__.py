"""The commands of `meter-assets`, one module for each kind. Add a command to a module, and then to COMMANDS in `main`.

A command only reads its options: what it does belongs in `session`, what it prints in `results`. Slow imports (mainly
Dagster) are inside the commands that need them, so that --help and errors of usage appear at once.
"""
