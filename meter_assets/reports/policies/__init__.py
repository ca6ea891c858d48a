"""Which policy reproduces the old balances, and who would owe what under another one."""
