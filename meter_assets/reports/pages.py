"""HTML pages: statements and reports as pages for the browser. All text of the database is escaped.

Add a page here, with its template in `templates`. The pages load nothing from elsewhere. Which address shows a page is
decided in `runtime.evidence_pages`.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from meter_assets.foreign_text import named
from meter_assets.formatting import show_time
from meter_assets.reports.report import charts as report_charts
from meter_assets.reports.report import tables as report_tables
from meter_assets.reports.report.contents import Report, TenantReport
from meter_assets.reports.statements import tables as statement_tables
from meter_assets.reports.statements.explain import Explained, ExplainedCustomer
from meter_assets.reports.statements.statement import Statement
from meter_assets.reports.tables import Grid
from meter_assets.rules.invariants import Severity

Row = dict[str, Any]
"""What a template shows of one customer, meter or entry: text only."""
_LONG_WORD = 40
_TEMPLATES = Environment(
    loader=PackageLoader("meter_assets.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def statement_page(
    asked: Mapping[str, str],
    *,
    found: Explained | ExplainedCustomer | None = None,
    grids: Sequence[Grid] = (),
    problem: str = "",
) -> str:
    """Return the page with a statement, or with those of a customer, and the form that asks for another one.

    `asked` are the values of the form: tenant, meter, customer, by, as_of, history. Without a statement, the page has
    the grids, or the problem for which there is none.
    """
    title = "Statements"
    explained: Sequence[Explained] = ()
    if isinstance(found, Explained):
        title, explained = statement_tables.title(found.statement), [found]
        grids = [*([statement_tables.without_meter(found.awaited)] if found.awaited else []), *grids]
    elif found is not None:
        title, explained = f"Customer {named(found.customer_id, found.name)}", found.meters
        of_customer = Grid("The customer", (), (), statement_tables.customer_conclusion(found))
        unresolved = statement_tables.without_meter(found.without_meter)
        grids = [of_customer, *([unresolved] if unresolved.rows else []), *grids]
    return _TEMPLATES.get_template("statement.html").render(
        title=title,
        asked=asked,
        problem=problem,
        explained=[_shown(one) for one in explained],
        grids=grids,
        grid=grid,
    )


def grid(one: Grid) -> Markup:
    """Return a grid as a table of HTML."""
    return Markup(_TEMPLATES.get_template("grid.html").render(one=one))  # its template escapes


def customer_statements(
    title: str, note: str, customers: Sequence[Row], sections: Iterator[Row], index: str
) -> Iterator[str]:
    """Yield the text of a page with a table of customers, and then a section for each of them, which is read as needed.

    `index` is the name of the page that lists all customers; nothing if this page does.
    """
    template = _TEMPLATES.get_template("customer_statements.html")
    return template.generate(title=title, note=note, customers=customers, sections=sections, index=index)


def customer_index(title: str, note: str, groups: Iterator[tuple[str, Sequence[Row]]]) -> Iterator[str]:
    """Yield the text of a page that lists all customers: groups of them with the name of the page that they are on."""
    return _TEMPLATES.get_template("customer_index.html").generate(title=title, note=note, groups=groups)


def entry_rows(statement: Statement) -> list[Row]:
    """Return the entries of a statement as rows of a page's table."""
    entries = statement_tables.entries(statement)
    names = ("on_day", "what", "amount", "balance", "why")
    return [
        {**dict(zip(names, row, strict=True)), "counted": entry.counted}
        for row, entry in zip(entries.rows, statement.entries, strict=True)
    ]


def report_page(report: Report, facts: Mapping[str, Any], digest: str) -> str:
    """Return the page of a report; `facts` are what its verification reads, `digest` stands for that of the page."""
    several = len(report.tenants) > 1
    return _TEMPLATES.get_template("report.html").render(
        title="Report on the migration to balances per meter",
        at=show_time(report.generated_at),
        report=report,
        facts=facts,
        digest=digest,
        summary=report_tables.summary(report),
        charts=_charts(report.tenants, "all") if several else "",
        tenants=[_of_tenant(one) for one in report.tenants],
        text=report_tables.cell_text,
        is_number=_is_number,
        is_long=_is_long,
    )


def _of_tenant(one: TenantReport) -> dict[str, Any]:
    return {
        "key": one.tenant,
        "title": named(one.tenant, one.name),
        "conclusion": " ".join(report_tables.conclusion(one)),
        "differs": _is_alarming(one),
        "charts": _charts([one], f"tenant-{one.tenant}"),
        "tables": report_tables.tables(one, compact=True),
    }


def _is_alarming(one: TenantReport) -> bool:
    """Return whether a person should not sign: money or records do not agree, or a check with severity ERROR failed."""
    errors = [each for each in one.failed_checks if each.severity is Severity.ERROR]
    return bool(one.conservation.difference or one.verification.problems or (one.migrated and errors))


def _charts(tenants: Sequence[TenantReport], key: str) -> Markup:
    return report_charts.balances(tenants, key) + report_charts.causes(tenants, key)


def _is_number(table: report_tables.Table, column: int) -> bool:
    """Return whether a column has numbers, which are aligned to the right."""
    return any(isinstance(row[column], (int, Decimal)) for row in table.rows)


def _is_long(cell: report_tables.Cell) -> bool:
    """Return whether a cell has a word that may be broken, such as a digest or the name of a check."""
    return isinstance(cell, str) and any(len(word) > _LONG_WORD for word in cell.split())


def _shown(explained: Explained) -> dict[str, Any]:
    statement: Statement = explained.statement
    return {
        "title": statement_tables.title(statement),
        "customers": statement.customers,
        "entries": entry_rows(statement),
        "conclusion": statement_tables.conclusion(statement),
        "differs": statement.migrated and statement.agrees is False,
        "changes": _grids_of_changes(explained),
    }


def _grids_of_changes(explained: Explained) -> list[Grid]:
    """Return the journaled changes and their runs, if they were asked for."""
    if explained.history is None:
        return []
    changes, runs = statement_tables.changes(explained.history), statement_tables.runs(explained.history)
    return [changes, runs] if runs.rows else [changes]
