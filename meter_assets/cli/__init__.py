"""The command line: commands, the session they share, and what they print."""
