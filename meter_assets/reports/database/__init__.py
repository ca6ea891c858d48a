"""What a database must have, what it has, and the mapping that is suggested for it."""
