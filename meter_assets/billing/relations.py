"""A tenant's rows: the billing tables as they are, or as they would be after changes that are not written yet.

Every computation takes a `BillingRelations` instead of tables, so that the preview, the live step and the validation
use the same expressions. Relations do not contain soft-deleted rows. Optional columns that the database lacks are
nulls. Money is in stored form (see `money`). Add here what several rules read of a tenant's rows; computations belong
in `ledger`, `invoice_lines` and `rules`. No SQL is run here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    false,
    func,
    or_,
    select,
    true,
)

from meter_assets.billing.conditions import has_status
from meter_assets.billing.constructs import typed_null
from meter_assets.billing.own_tables import BACKUP, DECISIONS, RUNS, SUCCEEDED
from meter_assets.billing.payment_rules import PAYMENT_METER_IDS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema, IdScope
from meter_assets.billing.step_runs import in_force
from meter_assets.billing.tenant_rows import (
    ANY_TENANT,
    TENANT_TABLES,
    assigned_payments,
    backup_rows,
    decisions_in_effect,
    is_live_under,
    of_tenant,
    require_columns,
    stored_lines,
    tenant_lines,
    tenant_parameter,
    tenant_rows,
    with_generated,
)

if TYPE_CHECKING:
    from meter_assets.billing.change import Change


class Materialize(Protocol):
    """Computes rows into a temporary table, and returns the table."""

    def __call__(self, name: str, rows: Select[Any], *, by_index: bool = False) -> FromClause:
        """Take a name for it. With `by_index`, rows of a large table are looked up where few of them are read."""


@dataclass(frozen=True)
class BillingRelations:
    """The rows that a query may read: of one tenant, of several, or of all if `tenant_id` is None."""

    schema: BillingSchema
    policy: Policy
    tenant_id: Any
    rows: Mapping[str, FromClause]
    assigned: FromClause
    """The payments to which the migration assigned a meter: tenant_id, id, meter_id_after and the applied rule."""
    tables_to_check: frozenset[str] | None = None
    """The tables whose stored values the group `values` checks: those that a step reads; None for all."""
    as_stored: bool = False
    """Whether they are one tenant's rows as they are in the billing tables, read there by each statement."""
    materialize: Materialize | None = None
    """Computes what several computations read into a temporary table; None where it is a subquery of each."""
    _known: dict[Any, tuple[tuple[FromClause, ...], FromClause]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """What was materialized, by its name and the rows that it was computed from."""

    @property
    def customers(self) -> FromClause:
        """The tenant's customers."""
        return self.rows["customers"]

    @property
    def meters(self) -> FromClause:
        """The tenant's meters."""
        return self.rows["meters"]

    @property
    def invoices(self) -> FromClause:
        """The tenant's invoices."""
        return self.rows["invoices"]

    @property
    def lines(self) -> FromClause:
        """The lines of the tenant's invoices; `tenant_id` is the invoice's, `line_tenant_id` the line's own."""
        if self.materialize is None:
            return self.rows["invoice_bills"]
        # No step writes what is read of an invoice here. The planner knows how many rows a table has, and from that
        # whether to look lines up by their invoice, or to read them all.
        invoice = self.invoices
        of_tenant = select(invoice.c.tenant_id, invoice.c.id, invoice.c.status)
        invoices = self.shared("invoices_with_lines", ("invoice_bills",), lambda: of_tenant)
        return tenant_lines(self.schema, self.policy, invoices, None)

    @property
    def payments(self) -> FromClause:
        """The tenant's payments."""
        return self.rows["payments"]

    @property
    def backup(self) -> FromClause:
        """The tenant's backed-up customer balances; no rows if the table does not exist."""
        return self.rows[BACKUP]

    @property
    def decisions(self) -> FromClause:
        """The decisions of people about the tenant's payments that are in effect; see `decisions.in_effect`."""
        return self.rows[DECISIONS]

    @property
    def has_decisions(self) -> bool:
        """Whether the table of decisions exists; without it, `decisions` has no rows."""
        return DECISIONS in self.schema.own_tables_present

    def meters_written(self) -> Subquery | None:
        """Return the meters that step runs in force have given to payments: tenant_id, payment_id, meter_id.

        A payment may be there several times. It is None if nothing was journaled yet.
        """
        schema = self.schema
        if not schema.has_journal(PAYMENT_METER_IDS) or RUNS not in schema.own_tables_present:
            return None
        journal, done = schema.journal(PAYMENT_METER_IDS), in_force(schema, "assigning")
        runs = select(done.c.id).where(done.c.step == PAYMENT_METER_IDS, of_tenant(done, self.tenant_id))
        given = select(journal.c.tenant_id, journal.c.payment_id, journal.c.meter_id_after.label("meter_id"))
        wanted = of_tenant(journal, self.tenant_id), journal.c.step_run_id.in_(runs)
        return given.where(*wanted).subquery("meters_written")

    def backed_up_to(self) -> Subquery:
        """Return, for each tenant whose backup is complete, the greatest customer id in it: tenant_id, customer_id.

        A customer with a greater id was created after the backup; if the backup was complete without any row, the id is
        null, and every customer was. A backup with rows is left out if ids are not integers, because such ids do not
        show the order of creation.
        """
        kept, kind = self.backup, self.customers.c.id.type
        if RUNS not in self.schema.own_tables_present:
            none = select(kept.c.tenant_id, kept.c.customer_id).where(false())
            return none.subquery("backed_up_to")
        done = in_force(self.schema)
        rows = func.sum(func.coalesce(done.c.rows_changed, 0)).label("rows")
        succeeded = done.c.step == BACKUP, done.c.outcome == SUCCEEDED, of_tenant(done, self.tenant_id)
        complete = select(done.c.tenant_id, rows).where(*succeeded).group_by(done.c.tenant_id).subquery("complete")
        ids_show_order = isinstance(kind, Integer)
        greatest = func.max(kept.c.customer_id) if ids_show_order else typed_null(kind)
        last = select(kept.c.tenant_id, greatest.label("customer_id")).group_by(kept.c.tenant_id).subquery("last")
        was_empty = and_(last.c.tenant_id.is_(None), complete.c.rows == 0)
        shows_later_ones = or_(last.c.tenant_id.is_not(None), was_empty) if ids_show_order else was_empty
        found = select(complete.c.tenant_id, last.c.customer_id).select_from(
            complete.outerjoin(last, last.c.tenant_id == complete.c.tenant_id)
        )
        return found.where(shows_later_ones).subquery("backed_up_to")

    def shared(
        self, name: str, reads: Iterable[str], compute: Callable[[], Select[Any]], *, by_index: bool = False
    ) -> FromClause:
        """Return rows that several computations read, or one row by row: a table if rows are materialized.

        `reads` are the tables that `compute` reads: once a change is laid over one of them, the rows are computed
        again. Without tables, it is a subquery.
        """
        if self.materialize is None:
            return compute().subquery(name)
        sources = tuple(self.rows[table] for table in reads)
        key = (name, *map(id, sources))
        if key not in self._known:  # which also keeps the sources alive: the ids stay theirs
            self._known[key] = (sources, self.materialize(name, compute(), by_index=by_index))
        return self._known[key][1].alias(name)

    def materialized(self, materialize: Materialize, tables: Iterable[str] = ()) -> "BillingRelations":
        """Return these relations with what computations share in temporary tables, and the rows of these tables too."""
        rows = {table: materialize(table, select(self.rows[table])).alias(table) for table in tables}
        return replace(self, rows={**self.rows, **rows}, as_stored=False, materialize=materialize, _known={})

    def under(self, policy: Policy, keeping: Iterable[str] = ()) -> "BillingRelations":
        """Return the same rows, read under another policy, which must have the same `deletion_columns`.

        Of what computations share, keep what has these names: it must not depend on the policies that differ.
        """
        names = frozenset(keeping)
        return replace(self, policy=policy, _known={key: one for key, one in self._known.items() if key[0] in names})

    def once_written(self, target: str) -> "BillingRelations":
        """Return the same relations, for reading after rows of a table were written in the same snapshot.

        What was computed from it before is computed again. So is everything if triggers may have written other tables,
        or if a table is a view, which may read any of them.
        """
        catalogue = self.schema.catalogue
        if catalogue.views or catalogue.triggers_of(target):
            return replace(self, _known={})
        written = self.rows[target]
        known = {key: one for key, one in self._known.items() if not any(source is written for source in one[0])}
        return replace(self, _known=known)

    def of_any_tenant(self) -> "BillingRelations":
        """Return the same rows of a tenant whose id is a parameter; only for relations `as_stored`."""
        relations = billing_relations(self.schema, self.policy, ANY_TENANT)
        return replace(relations, tables_to_check=self.tables_to_check)

    @property
    def tenant_parameters(self) -> dict[str, Any]:
        """The parameters of the statements of `of_any_tenant` that make them read this tenant's rows."""
        every = chain(self.schema.tables.values(), self.schema.own.values())
        return {tenant_parameter(one.c.tenant_id): self.tenant_id for one in every if "tenant_id" in one.c}

    def checking_values_of(self, tables: Iterable[str] | None) -> "BillingRelations":
        """Return the same relations, in which the group `values` checks these tables only; None for all tables."""
        return replace(self, tables_to_check=None if tables is None else frozenset(tables))

    def checks_values_of(self, table: str) -> bool:
        """Return whether the group `values` checks a table."""
        return self.tables_to_check is None or table in self.tables_to_check

    def owner(self, table: str, row_id: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the tenant that owns the live row with this id, among all tenants; null if no row has it.

        It is always null if ids are unique within a tenant only: then a reference names a row of its own tenant. Use it
        to find out where a reference points, never to read another tenant's money. It is a correlated subquery. So use
        it after an outer join to the tenant's own rows, for the few rows without a match there: a join to the rows of
        all tenants would read the whole table.
        """
        source, scope = self.schema.tables[table], self.schema.id_scope(table)
        if scope is IdScope.tenant:
            return typed_null(source.c.tenant_id.type)
        found = select(source.c.tenant_id).where(source.c.id == row_id, self.is_live(table, source))
        if scope is IdScope.nowhere:  # several rows may have the id
            found = found.order_by(source.c.tenant_id).limit(1)
        return found.correlate_except(source).scalar_subquery()

    def is_live(self, table: str, rows: FromClause) -> ColumnElement[bool]:
        """Return whether a stored row is not deleted: by deleted_at, and by the columns that the policy names."""
        return is_live_under(self.policy, table, rows)

    def stored(self, table: str) -> FromClause:
        """Return the tenant's rows of a billing table as they are stored: soft-deleted rows and what marks them too."""
        source = self.schema.tables[table]
        named = (one.partition(".") for one in self.policy.deletion_columns)
        marks = [column for of, _, column in named if of == table]
        columns = [source.c[name] for name in dict.fromkeys((*self.schema.selected_columns(table), *marks))]
        if table != "invoice_bills":
            return select(*columns).where(of_tenant(source, self.tenant_id)).subquery(f"stored_{table}")
        return stored_lines(self.schema, columns, self.tenant_id)

    def assignments_that_count(self) -> Subquery:
        """Return the assignments that count: live, with a live customer and a live meter of the same tenant."""
        made = self.rows["meter_assignments"]
        customer, meter = self.customers, self.meters
        return (
            select(made.c.tenant_id, made.c.id, made.c.customer_id, made.c.meter_id, made.c.is_active)
            .join(customer, and_(customer.c.id == made.c.customer_id, customer.c.tenant_id == made.c.tenant_id))
            .join(meter, and_(meter.c.id == made.c.meter_id, meter.c.tenant_id == made.c.tenant_id))
            .subquery("assignments")
        )

    def counted_payments(self, *, counted: bool = True) -> Subquery:
        """Return the payments whose status counts (or, with `counted` False, the others)."""
        return self._by_status("payments", counted)

    def counted_invoices(self, *, counted: bool = True) -> Subquery:
        """Return the invoices whose status counts (or, with `counted` False, the others)."""
        return self._by_status("invoices", counted)

    def _by_status(self, table: str, counted: bool) -> Subquery:
        rows = self.rows[table]
        has_money = self.is_counted(table, rows)
        name = f"{'counted' if counted else 'uncounted'}_{table}"
        return select(rows).where(has_money if counted else ~has_money).subquery(name)

    def is_counted(self, table: str, rows: FromClause) -> ColumnElement[bool]:
        """Return whether a row of payments, invoices or lines counts: whether rows with its status contain money."""
        if "status" not in rows.c:  # stored rows of a table without this optional column
            return true()
        uncounted, _ = self.statuses(table)
        return or_(rows.c.status.is_(None), ~has_status(rows, uncounted))

    def statuses(self, table: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the statuses of payments or invoices that the policy names: the uncounted, and the counted ones."""
        policy = self.policy
        if table == "payments":
            return policy.uncounted_payment_statuses, policy.counted_payment_statuses
        return policy.uncounted_invoice_statuses, policy.counted_invoice_statuses

    def after(self, change: "Change") -> "BillingRelations":
        """Return these relations as they would be after the change was written."""
        changed = change.changed
        written = change.overlay(self.rows[change.target], changed)
        rows = {**self.rows, change.target: with_generated(self.schema, change.target, written)}
        if change.name != PAYMENT_METER_IDS:
            return replace(self, rows=rows, as_stored=False)
        names = list(self.assigned.c.keys())
        both = select(self.assigned).union_all(select(*(changed.c[name] for name in names)))
        return replace(self, rows=rows, as_stored=False, assigned=both.subquery("assigned_payments"))


def billing_relations(
    schema: BillingSchema, policy: Policy, tenant_id: Any = None, *, deleted_too: bool = False
) -> BillingRelations:
    """Return the tables as they are: of one tenant, of a list of tenants, or of all (every row has its tenant_id).

    The policy decides which rows count and which rules apply. `tenant_id` may be ANY_TENANT. With `deleted_too`,
    soft-deleted rows are included; a rollback needs them. Raises UnknownPolicy if the policy names a column that the
    database lacks.
    """
    require_columns(schema, policy)
    rows: dict[str, FromClause] = {
        name: tenant_rows(schema, policy, name, tenant_id, deleted_too=deleted_too) for name in TENANT_TABLES
    }
    rows["invoice_bills"] = tenant_lines(schema, policy, rows["invoices"], tenant_id)
    rows[BACKUP] = backup_rows(schema, rows["customers"], tenant_id)
    rows[DECISIONS] = decisions_in_effect(schema, rows["meters"], tenant_id)
    assigned = assigned_payments(schema, rows["payments"], tenant_id)
    as_stored = tenant_id is not None and not isinstance(tenant_id, list) and not deleted_too
    return BillingRelations(schema, policy, tenant_id, rows, assigned, as_stored=as_stored)
