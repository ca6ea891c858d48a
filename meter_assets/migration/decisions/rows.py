"""Validates the rows of a file of decisions against a tenant's payments and meters.

Add here what makes one row invalid, as a clause for the person who corrects the file. The whole file is validated, and
recorded, in `importing`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, String, cast, select

from meter_assets.billing.ids import integer_id, is_whole_number
from meter_assets.billing.own_tables import DECISIONS
from meter_assets.billing.payment_rules import DECISION
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.transactions import assigned_in_force
from meter_assets.foreign_text import quoted, spreadsheet_cell, without_apostrophes
from meter_assets.migration.database import Tenant
from meter_assets.migration.decisions.file import KEEP, GivenDecision

_AT_A_TIME = 500
"""How many values a condition of a statement lists."""


@dataclass(frozen=True)
class Decision:
    """A valid decision about one payment."""

    payment_id: Any
    meter_id: Any
    """None leaves the payment as it is."""
    decided_by: str
    note: str | None
    found_on: Any
    """The meter that the payment has now, or None."""
    line: int
    """The line of the file that says so."""
    withdraws: bool
    """Whether it withdraws the decisions before it, and decides nothing itself."""
    is_customers_meter: bool
    """False if the customer of the payment has meters, and this was never one of them."""

    @property
    def moves(self) -> bool:
        """Whether the next run gives the payment another meter."""
        return self.meter_id is not None and self.meter_id != self.found_on


@dataclass(frozen=True)
class _Payment:
    """A payment of the tenant, its meter, whether the migration has written that meter, and by which rule."""

    id: Any
    meter_id: Any
    customer_id: Any
    is_ours: bool
    rule: str | None


@dataclass
class Books:
    """What the database has of the payments and meters that a file names."""

    connection: Connection
    schema: BillingSchema
    policy: Policy
    tenant: Tenant
    given: Sequence[GivenDecision]

    def decision(self, row: GivenDecision, decided_by: str) -> Decision | str | None:
        """Return a row as a decision, or what is wrong with it, as a clause; None if it is of another tenant."""
        key = self._key("tenants", row.tenant)
        if key not in ("", self.tenant.key):
            return None if key in self._tenants else f"no tenant has the id {quoted(row.tenant)}"
        payment = self._payment(row.payment)
        if isinstance(payment, str):
            return payment
        meter_id = self._meter_of(row, payment)
        if isinstance(meter_id, _Problem):
            return meter_id.text
        return Decision(
            payment.id,
            meter_id,
            row.decided_by or decided_by,
            row.note or None,
            payment.meter_id,
            row.line,
            row.withdraws,
            self._is_customers_meter(payment, meter_id),
        )

    def _meter_of(self, row: GivenDecision, payment: _Payment) -> Any:
        """Return the id of the meter that a row decides on, None for no meter, or a problem."""
        if row.withdraws:
            return self._withdrawn(payment)
        return self._kept(payment) if row.keeps else self._meter(row)

    def _kept(self, payment: _Payment) -> Any:
        """Return the meter on which a payment stays: it stays there also after a rollback and another run."""
        if payment.meter_id is None or _as_text(payment.meter_id) in self._by_id:
            return payment.meter_id
        return _Problem(f"payment {quoted(payment.id)} is on meter {quoted(payment.meter_id)}, which is deleted")

    def _withdrawn(self, payment: _Payment) -> "_Problem | None":
        """Return why the decision about a payment cannot be withdrawn, as a problem; None if it can."""
        if payment.rule == DECISION:
            return _Problem(
                f"a run has carried out the decision about payment {quoted(payment.id)}, which is on meter "
                f"{quoted(payment.meter_id)}: decide on another meter, or roll the run back first"
            )
        if _as_text(payment.id) not in self._decided:
            return _Problem(f"payment {quoted(payment.id)} has no decision that could be withdrawn")
        return None

    def _is_customers_meter(self, payment: _Payment, meter_id: Any) -> bool:
        meters = self._meters_of_customers.get(payment.customer_id, ())
        return meter_id in (None, payment.meter_id) or not meters or meter_id in meters

    def _payment(self, text: str) -> _Payment | str:
        if not text:
            return "no payment_id"
        if why := self._no_id("payments", text):
            return why
        payment = self._payments.get(self._key("payments", text))
        if payment is None:
            return self._missing("payments", text)
        if payment.meter_id is not None and not payment.is_ours:
            return (
                f"payment {quoted(text)} has meter {quoted(payment.meter_id)}, which the migration has not written: it "
                "never changes that"
            )
        return payment

    def _meter(self, row: GivenDecision) -> Any:
        """Return the id of the one meter that a row names, or a problem."""
        found: dict[str, Any] = {}
        for text, candidates in (
            (row.meter_id, self._by_id),
            (row.meter_number, self._by_number),
            (row.meter, self._by_either),
        ):
            if text:
                ids = candidates.get(self._key("meters", text) if candidates is self._by_id else text, ())
                if not ids:
                    return _Problem(self._missing_meter(text, is_id=candidates is not self._by_number))
                if len(ids) > 1:
                    named = " and ".join(quoted(one) for one in sorted(map(str, ids)))
                    return _Problem(
                        f"{quoted(text)} names the meters {named}: enter one of them in the column meter_id"
                    )
                found |= {str(one): one for one in ids}
        if len(found) > 1:
            return _Problem(f"its columns name different meters: {' and '.join(quoted(one) for one in sorted(found))}")
        return next(iter(found.values()))

    def _missing_meter(self, text: str, *, is_id: bool) -> str:
        if text.lower() == KEEP:
            return f"it names a meter and says {KEEP}"
        if not is_id or self._no_id("meters", text):
            return f"no meter of tenant {self.tenant.key} has the {'id' if is_id else 'number'} {quoted(text)}"
        return self._missing("meters", text)

    def _key(self, table: str, text: str) -> str:
        """Return an id in the form of its text in the database."""
        if isinstance(self.schema.tables[table].c.id.type, Integer) and self._no_id(table, text) is None:
            return str(int(_without_fraction(text)))
        return text

    def _no_id(self, table: str, text: str) -> str | None:
        """Return why a text cannot be an id of a table, as a clause; None if it can."""
        one = table.removesuffix("s")
        if not isinstance(self.schema.tables[table].c.id.type, Integer):
            return None
        digits = _without_fraction(text)
        if not is_whole_number(digits):
            return f"the id of a {one} is a number, and {quoted(text)} is not"
        if integer_id(digits) is not None:
            return None
        return f"no {one} has the id {quoted(text)}"

    def _missing(self, table: str, text: str) -> str:
        """Return why the tenant has no row with an id: another tenant has it, it is deleted, or there is none."""
        one, owner = table.removesuffix("s"), self._owners[table].get(self._key(table, text))
        if owner == self.tenant.key:
            return f"{one} {quoted(text)} is deleted"
        if owner is not None:
            return f"{one} {quoted(text)} is of tenant {quoted(owner)}, not of tenant {self.tenant.key}"
        return f"no {one} has the id {quoted(text)}"

    @cached_property
    def _owners(self) -> Mapping[str, Mapping[str, str]]:
        """The tenants of the named rows that the tenant does not have, or not any more: by table and id."""
        meters = (text for one in self.given for text in (one.meter_id, one.meter))
        return {
            "payments": self._found_owners("payments", self._payments, (one.payment for one in self.given)),
            "meters": self._found_owners("meters", self._by_id, meters),
        }

    def _found_owners(self, table: str, known: Mapping[str, Any], texts: Iterable[str]) -> Mapping[str, str]:
        rows = billing_relations(self.schema, self.policy, None, deleted_too=True).rows[table]
        named = (self._key(table, text) for text in texts if text and not self._no_id(table, text))
        keys = iter(dict.fromkeys(key for key in named if key not in known))
        found: dict[str, str] = {}
        while some := list(islice(keys, _AT_A_TIME)):
            owners = select(rows.c.id, rows.c.tenant_id).where(self._has_id(rows.c.id, table, some))
            for row_id, owner in self.connection.execute(owners):
                if found.get(_as_text(row_id)) != self.tenant.key:
                    found[_as_text(row_id)] = str(owner)
        return found

    def _has_id(self, column: ColumnElement[Any], table: str, keys: Iterable[str]) -> ColumnElement[bool]:
        if isinstance(self.schema.tables[table].c.id.type, Integer):
            return column.in_([int(key) for key in keys])
        return cast(column, String(255)).in_(list(keys))

    @cached_property
    def _payments(self) -> Mapping[str, _Payment]:
        """The named payments of the tenant, by their ids as text."""
        relations = billing_relations(self.schema, self.policy, self.tenant.id)
        payment, written, assigned = relations.payments, relations.meters_written(), assigned_in_force(relations)
        named = [one.payment for one in self.given if one.payment and not self._no_id("payments", one.payment)]
        as_stored = map(without_apostrophes, named)
        keys = iter(dict.fromkeys(self._key("payments", text) for text in (*named, *as_stored)))
        found: dict[str, _Payment] = {}
        while some := list(islice(keys, _AT_A_TIME)):
            journaled = () if written is None else self._of_payments(some, written.c.payment_id, written.c.meter_id)
            ours = {(str(row_id), str(meter_id)) for row_id, meter_id in journaled}
            of_rules = self._of_payments(some, assigned.c.id, assigned.c.meter_id_after, assigned.c.rule)
            rules = {(str(row_id), str(meter_id)): rule for row_id, meter_id, rule in of_rules}
            columns = payment.c.id, payment.c.meter_id, payment.c.customer_id
            for row_id, meter_id, customer_id in self._of_payments(some, *columns):
                key = str(row_id), str(meter_id)
                found[_as_text(row_id)] = _Payment(row_id, meter_id, customer_id, key in ours, rules.get(key))
        return {**{spreadsheet_cell(key): row for key, row in found.items()}, **found}

    def _of_payments(self, keys: Sequence[str], *columns: ColumnElement[Any]) -> Iterable[Any]:
        """Return these columns, the first of which is the payment's id, of the payments with these ids."""
        return self.connection.execute(select(*columns).where(self._has_id(columns[0], "payments", keys))).all()

    @cached_property
    def _decided(self) -> frozenset[str]:
        """The payments about which there is a decision, also one that was withdrawn."""
        if DECISIONS not in self.schema.own_tables_present:
            return frozenset()
        made = self.schema.own[DECISIONS]
        ids = select(made.c.payment_id).where(made.c.tenant_id == self.tenant.id).distinct()
        return frozenset(map(_as_text, self.connection.scalars(ids)))

    @cached_property
    def _tenants(self) -> frozenset[str]:
        return frozenset(map(_as_text, self.connection.scalars(select(self.schema.tables["tenants"].c.id))))

    @cached_property
    def _meters_of_customers(self) -> Mapping[Any, set[Any]]:
        """The meters that are or were assigned to each customer."""
        made = billing_relations(self.schema, self.policy, self.tenant.id).assignments_that_count()
        found: dict[Any, set[Any]] = defaultdict(set)
        for customer_id, meter_id in self.connection.execute(select(made.c.customer_id, made.c.meter_id)):
            found[customer_id].add(meter_id)
        return found

    @cached_property
    def _meters(self) -> Sequence[Any]:
        meter = billing_relations(self.schema, self.policy, self.tenant.id).meters
        return self.connection.execute(select(meter.c.id, meter.c.meter_number)).all()

    @cached_property
    def _by_id(self) -> Mapping[str, set[Any]]:
        return _indexed((row.id, row.id) for row in self._meters)

    @cached_property
    def _by_number(self) -> Mapping[str, set[Any]]:
        return _indexed((row.meter_number, row.id) for row in self._meters if row.meter_number is not None)

    @cached_property
    def _by_either(self) -> Mapping[str, set[Any]]:
        keys = {*self._by_id, *self._by_number}
        return {key: {*self._by_id.get(key, ()), *self._by_number.get(key, ())} for key in keys}


@dataclass(frozen=True)
class _Problem:
    """Why a row names no meter, as a clause."""

    text: str


def _as_text(value: Any) -> str:
    return str(value).strip()


def _without_fraction(text: str) -> str:
    """Return the digits of a whole number that a program has written as one with decimals, such as 12.0."""
    return text.removesuffix(".0")


def _indexed(pairs: Iterable[tuple[Any, Any]]) -> Mapping[str, set[Any]]:
    """Return ids by texts: as they are, and as a cell of an export has them."""
    found: dict[str, set[Any]] = defaultdict(set)
    for value, row_id in pairs:
        for text in {_as_text(value), str(spreadsheet_cell(_as_text(value)))}:
            found[text].add(row_id)
    return dict(found)
