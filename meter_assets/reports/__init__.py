"""Reading: previews, tables and files for people. Nothing here writes to the billing database."""
