"""Judging invariants: runs each one's SELECT and keeps the count of violations with a few rows as evidence."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Select, func, select

from meter_assets.invariants import Invariant, Severity
from meter_assets.policy import Policy
from meter_assets.relations import BillingRelations

SAMPLES = 10


class Verdict(BaseModel):
    """What was found of one invariant: how many rows break it, and the first few of them, as text."""

    name: str
    group: str
    severity: Severity
    law: str
    remedy: str
    violations: int
    samples: list[dict[str, str]]

    @property
    def holds(self) -> bool:
        """Whether no row breaks the law."""
        return self.violations == 0

    @property
    def example(self) -> str:
        """The first violating row in words."""
        return ", ".join(f"{key} {value}" for key, value in self.samples[0].items()) if self.samples else ""


def judge(
    connection: Connection,
    invariants: Iterable[Invariant],
    relations: BillingRelations,
    policy: Policy,
    *,
    only_ids: Select[Any] | None = None,
) -> list[Verdict]:
    """Judge the invariants on the relations, one statement each.

    `only_ids` restricts them to violations whose subject is among these ids: what a step has just written.
    """
    return [_judge_one(connection, one, relations, policy, only_ids) for one in invariants]


def broken(verdicts: Iterable[Verdict]) -> dict[str, tuple[int, str]]:
    """Return, per broken invariant, its count of violations and an example, as errors take them."""
    return {one.name: (one.violations, one.example) for one in verdicts if not one.holds}


def _judge_one(
    connection: Connection,
    invariant: Invariant,
    relations: BillingRelations,
    policy: Policy,
    only_ids: Select[Any] | None,
) -> Verdict:
    found = invariant.violations(relations, policy).subquery("violations")
    in_all = func.count().over().label("violations_in_all")
    # The count comes first in the order, although all rows have the same: by the id alone, a server may walk the
    # index of the whole table to find the first few rows of one tenant.
    statement = select(in_all, found).order_by(in_all, found.c[invariant.subject]).limit(SAMPLES)
    if only_ids is not None:
        statement = statement.where(found.c[invariant.subject].in_(only_ids))
    rows = connection.execute(statement).mappings().all()
    return Verdict(
        name=invariant.name,
        group=invariant.group,
        severity=invariant.severity,
        law=invariant.law,
        remedy=invariant.remedy,
        violations=rows[0]["violations_in_all"] if rows else 0,
        samples=[{key: str(value) for key, value in row.items() if key in found.c} for row in rows],
    )
