"""Writes the statements of a tenant's customers to files for a call centre: HTML pages, or one CSV file.

A page shows customers with their old and new figures, why these differ, and the statement of each meter. Files appear
only when they are complete; they are made of some hundred customers at a time. Add here a further form of these files.
What would be posted is in `postings`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from meter_assets.foreign_text import file_name, named, shown
from meter_assets.formatting import counted, plain_money, show_money
from meter_assets.migration.database import Tenant
from meter_assets.migration.snapshot import Snapshot
from meter_assets.private_files import exists, written
from meter_assets.reports import pages
from meter_assets.reports.call_centre.figures import CUSTOMERS_AT_A_TIME, CustomerFigures, MeterFigure, figures
from meter_assets.reports.csv_files import csv_file
from meter_assets.reports.differences import tables as difference_tables
from meter_assets.reports.differences.view import View
from meter_assets.reports.statements import tables as statement_tables
from meter_assets.reports.statements.statement import Statement, statements

HTML, CSV = "html", "csv"
FORMATS = (HTML, CSV)
CUSTOMERS_ON_A_PAGE = CUSTOMERS_AT_A_TIME
"""A tenant with more customers gets several pages, and one that lists all customers."""
STATEMENTS_AT_A_TIME = 200
"""For how many customers the statements of meters are read at once."""
COLUMNS = (
    *("tenant", "customer_id", "customer_name", "old_net", "meter_id", "meter_number", "new_balance"),
    *("new_overpayment", "new_net", "difference", "causes", "also_possible"),
)
Told = Callable[[int], None]
"""Is called with the number of customers that are done."""


@dataclass(frozen=True)
class Export:
    """What is exported: a tenant as a snapshot and a view of it show it, and the customers (ids, in their order)."""

    snapshot: Snapshot
    view: View
    tenant: Tenant
    customer_ids: Sequence[Any]

    def page_name(self, number: int) -> str:
        """Return the name of a page of customers; the first is 1."""
        return f"{page_prefix(self.tenant)}{number:04}.{HTML}"


def page_prefix(tenant: Tenant) -> str:
    """Return what the names of all pages of a tenant start with, except that of the page that lists all customers."""
    return f"{file_name(tenant.key)}.page-"


def statements_name(tenant: Tenant, form: str) -> str:
    """Return the name of the file of a tenant's statements, of pages the one to open first; it has one dot."""
    return f"{file_name(tenant.key)}.{form}"


def present_files(folder: Path, tenant: Tenant, form: str) -> list[Path]:
    """Return the files of an earlier export of a tenant."""
    if not exists(folder):
        return []
    first = folder / statements_name(tenant, form)
    found = [first] if exists(first) else []
    return found + (sorted(folder.glob(f"{page_prefix(tenant)}[0-9]*.{HTML}")) if form == HTML else [])


def write_html(export: Export, folder: Path, told: Told) -> list[str]:
    """Write the pages of an export to a folder; return the names of the files, the one to open first.

    Pages of an earlier export are replaced, or removed if this one has fewer. Raises OSError.
    """
    first = statements_name(export.tenant, HTML)
    if len(export.customer_ids) <= CUSTOMERS_ON_A_PAGE:
        found = [one for some in figures(export.view, export.customer_ids) for one in some]
        _write_page(export, folder, first, found, "", told)
        names = [first]
    else:
        count = -(-len(export.customer_ids) // CUSTOMERS_ON_A_PAGE)
        names = [first, *(export.page_name(number + 1) for number in range(count))]
        with written(folder, first) as file:
            groups = _pages(export, folder, first, told)
            file.writelines(pages.customer_index(_title(export), _note(export), groups))
    for stale in present_files(folder, export.tenant, HTML):
        if stale.name not in names:
            stale.unlink()
    return names


def _pages(export: Export, folder: Path, index: str, told: Told) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Write each page; then yield its name with its customers, for the page that lists all of them."""
    done = 0
    for number, found in enumerate(figures(export.view, export.customer_ids), start=1):
        name, before = export.page_name(number), done
        _write_page(export, folder, name, found, index, partial(_told_more, told, before))
        done += len(found)
        yield name, [_row(one) for one in found]


def _told_more(told: Told, before: int, count: int) -> None:
    told(before + count)


def _write_page(
    export: Export, folder: Path, name: str, customers: Sequence[CustomerFigures], index: str, told: Told
) -> None:
    title = _title(export)
    if index and customers:
        title += f", customers {shown(customers[0].id)} to {shown(customers[-1].id)}"
    sections = _sections(export, customers, told)
    with written(folder, name) as file:
        rows = [_row(one) for one in customers]
        file.writelines(pages.customer_statements(title, _note(export), rows, sections, index))


def _title(export: Export) -> str:
    return f"Statements of tenant {named(export.tenant.key, export.tenant.name)}"


def _note(export: Export) -> str:
    count = counted(len(export.customer_ids), "customer")
    if export.view.planned:
        return f"{count}. The tenant is not migrated: the new balances are those that a migration would lead to."
    on = export.view.backed_up_on
    return f"{count}. The old balances are those of the backup{f' of {on.isoformat()}' if on else ''}."


def _row(one: CustomerFigures) -> dict[str, Any]:
    """Return a customer as a row of a page's table."""
    return {
        "id": shown(one.id),
        "name": one.name,
        "old": "no backup" if one.old is None else in_words(one.old),
        "new": in_words(one.new),
        "difference": "" if not one.difference else show_money(one.difference),
        "causes": _causes(one),
    }


def _causes(one: CustomerFigures) -> list[str]:
    """Return why a customer's figures differ, in words; nothing if they do not."""
    if one.old is None:
        return ["the customer was created after the backup, so there is no old balance"]
    if one.why is None:
        return []
    found = [difference_tables.in_words(part) for part in one.why.causes]
    return found + [f"also possible: {other}" for other in difference_tables.others_in_words(one.why)]


def in_words(net: Decimal) -> str:
    """Return a net (currency units) in words: what is owed, or the credit."""
    if not net or not net.is_finite():
        return show_money(net)
    return f"{show_money(net)} owed" if net > 0 else f"{show_money(-net)} credit"


def _sections(export: Export, customers: Sequence[CustomerFigures], told: Told) -> Iterator[dict[str, Any]]:
    """Yield each customer with the statements of the meters."""
    planned = export.view.relations if export.view.planned else None
    for at in range(0, len(customers), STATEMENTS_AT_A_TIME):
        some = customers[at : at + STATEMENTS_AT_A_TIME]
        meter_ids = list(dict.fromkeys(meter.id for one in some for meter in one.meters))
        found = {one.meter_id: one for one in statements(export.snapshot, export.tenant, meter_ids, planned=planned)}
        for one in some:
            yield {**_row(one), "meters": [_meter(meter, found.get(str(meter.id))) for meter in one.meters]}
        told(at + len(some))


def _meter(meter: MeterFigure, statement: Statement | None) -> dict[str, Any]:
    differs = statement is not None and statement.net != meter.net
    return {
        "id": shown(meter.id),
        "number": meter.number,
        "net": in_words(meter.net),
        "others": meter.customers - 1,
        "entries": [] if statement is None else pages.entry_rows(statement),
        "adds_up_to": in_words(statement.net) if statement is not None and differs else "",
        "customers": [] if statement is None else statement.customers,
        "title": "" if statement is None else statement_tables.title(statement),
    }


def write_csv(export: Export, folder: Path, told: Told) -> list[str]:
    """Write one row per customer and meter to a CSV file in a folder; return its name. Raises OSError."""
    name = statements_name(export.tenant, CSV)
    with csv_file(folder, name, COLUMNS) as write:
        done = 0
        for some in figures(export.view, export.customer_ids):
            for one in some:
                for row in _csv_rows(export.tenant, one):
                    write(row)
            done += len(some)
            told(done)
    return [name]


def _csv_rows(tenant: Tenant, one: CustomerFigures) -> Iterator[Sequence[Any]]:
    causes = "" if one.why is None else "; ".join(difference_tables.in_words(part) for part in one.why.causes)
    others = "" if one.why is None else difference_tables.other_causes(one.why)
    before = tenant.key, shown(one.id), one.name, _text(one.old)
    after = _text(one.new), _text(one.difference), causes, others
    for meter in one.meters:
        figure = shown(meter.id), meter.number, _text(meter.balance), _text(meter.overpayment)
        yield (*before, *figure, *after)
    if not one.meters:
        yield (*before, "", "", "", "", *after)


def _text(value: Decimal | None) -> str:
    return "" if value is None else plain_money(value)
