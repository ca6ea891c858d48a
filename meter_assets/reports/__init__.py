"""What people read of the billing database: previews, statements, differences, reports, frames.

Each kind of evidence has a package, where its rows are read, its values are computed, and its tables are made. What
several of them use is here: tables, pages, spreadsheets, CSV files. Nothing here writes to the database; code that
writes is in `migration`.
"""
