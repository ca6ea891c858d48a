"""What is derived from the description of a step's own table."""

from dataclasses import replace

from meter_assets.billing.own_tables import JournaledStep


def test_a_step_writes_the_table_that_it_examines_and_its_journal_has_its_name_unless_it_says_otherwise() -> None:
    step = JournaledStep(name="made_up", table="meters", key="meter_id", columns=("status",), worth=(("balance", 1),))
    assert (step.target, step.journal) == ("meters", "meter_migration_made_up")
    other = replace(step, target="customers", journal="elsewhere")
    assert (other.target, other.journal) == ("customers", "elsewhere")
