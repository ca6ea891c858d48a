"""Reports for people: previews, tables and CSV files.

Add here code that reads the billing database for a person. Nothing here writes to it; code that writes is in
`migration`.
"""
