"""Which meters the two balance bases bill differently, and in what order they are shown."""

from decimal import Decimal

from sqlalchemy import Connection

from meter_assets.billing.ledger import balance_bases
from tests.support.cases import cases
from tests.support.rules import loaded, relations_of

(CASE,) = cases("""
debt carried forward counts twice by totals; the largest gap comes first, and of equal gaps the lowest id
    meter   20  meter_number=A
    meter   21  meter_number=B
    meter   23  meter_number=C
    meter   24  meter_number=D
    meter   25  meter_number=E  tenant=2
    meter   26  meter_number=F
    invoice 50  amount=10  brought=1  meter=20
    invoice 51  amount=10  meter=24
    invoice 53  amount=10  brought=2  meter=24
    invoice 54  amount=10  meter=21
    invoice 55  amount=10  brought=-7  meter=21
    invoice 56  amount=10  meter=23
    invoice 57  amount=10  brought=2  meter=23
    invoice 58  amount=10  meter=25
    invoice 59  amount=10  brought=90  meter=25
""")
SHOWN = [
    (1, 21, "B", Decimal(20), Decimal(13)),
    (1, 23, "C", Decimal(20), Decimal(22)),
    (1, 24, "D", Decimal(20), Decimal(22)),
]


def test_meters_billed_differently_are_shown_by_gap(connection: Connection) -> None:
    with loaded(connection, CASE.rows) as schema:
        found = connection.execute(balance_bases(relations_of(schema, 1, CASE.policy))).all()
    assert [tuple(row) for row in found] == SHOWN
    assert found[0]._fields == ("tenant_id", "id", "meter_number", "charges_and_opening_balance", "invoice_totals")
