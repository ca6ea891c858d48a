"""The rules by which a payment gets its meter, by name: what a journal records, and what a person should review.

Add a rule's name here; when it applies is in `rules.steps.payment_meter_ids`.
"""

PAYMENT_METER_IDS = "payment_meter_ids"
"""The step that decides by them."""
INVOICE = "invoice"
SOLE_ACTIVE_METER = "sole_active_meter"
FIRST_ACTIVE_METER = "first_active_meter"
FIRST_ASSIGNED_METER = "first_assigned_meter"
RULES = (INVOICE, SOLE_ACTIVE_METER, FIRST_ACTIVE_METER, FIRST_ASSIGNED_METER)
FOR_REVIEW = frozenset({FIRST_ACTIVE_METER, FIRST_ASSIGNED_METER})
"""The rules that may be wrong."""
CUSTOMER_WITHOUT_ACTIVE_METER = "customer_without_active_meter"
"""Why no rule decides; also why a customer's balance is not summed over meters."""
