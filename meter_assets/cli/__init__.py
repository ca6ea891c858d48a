"""The command line: its commands, the session that they share, and their output.

Add commands here. What they launch belongs in `defs`; SQL and writes belong elsewhere.
"""
