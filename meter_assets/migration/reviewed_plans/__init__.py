"""Plans: the rows that a preview wrote, who approved them, and whether a run would still change exactly these."""
