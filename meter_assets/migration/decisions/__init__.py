"""What people decided about payments: the files that they import, and the rows that are kept."""
