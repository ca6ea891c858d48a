"""Writes a CSV file row by row: it appears when it is complete, and no cell is taken for a formula.

Add here what all such files have in common; what is in them belongs to the module that writes them.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meter_assets.foreign_text import spreadsheet_cell
from meter_assets.private_files import written


@contextmanager
def csv_file(folder: Path, name: str, headings: Sequence[str]) -> Iterator[Callable[[Sequence[Any]], None]]:
    """Open a CSV file with these headings, and yield the function that writes a row. Raises OSError."""
    with written(folder, name, newline="") as file:
        writer = csv.writer(file)

        def write(row: Sequence[Any]) -> None:
            writer.writerow(map(spreadsheet_cell, row))

        write(headings)
        yield write
