"""Why a meter owes what it owes: its statement, and every journaled change."""
