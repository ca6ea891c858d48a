"""For the call centre and the accounts: each customer's old and new figures, and what would have to be posted."""
