"""Runs that are struck at a chosen moment: killed, cut off, out of room, out of time; and what must hold afterwards.

`points` counts what a run sends to the billing database, `strikes` is what befalls it at a point, `jobs` is what is
run, `children` runs it in a process that may die, `stages` puts databases back, `evaluate` finds what is wrong
afterwards.
Nothing here is known to the product: what strikes is put into the child only.
"""
