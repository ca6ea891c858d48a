"""The names of the rules that assign meters to payments, and of the reasons why no rule applies.

Add a rule's name here. The condition under which it applies is in `rules.steps.payment_meter_ids`.
"""

PAYMENT_METER_IDS = "payment_meter_ids"
"""The step that applies the rules."""
DECISION = "decision"
"""A person decided which meter was paid for. It is taken before all other rules."""
INVOICE = "invoice"
SOLE_ACTIVE_METER = "sole_active_meter"
FIRST_ACTIVE_METER = "first_active_meter"
FIRST_ASSIGNED_METER = "first_assigned_meter"
RULES = (DECISION, INVOICE, SOLE_ACTIVE_METER, FIRST_ACTIVE_METER, FIRST_ASSIGNED_METER)
FOR_REVIEW = frozenset({FIRST_ACTIVE_METER, FIRST_ASSIGNED_METER})
"""The rules that may be wrong: a person should review their payments."""
CUSTOMER_WITHOUT_ACTIVE_METER = "customer_without_active_meter"
"""The reason why no rule applies; also why a customer's balance is not summed over meters."""
