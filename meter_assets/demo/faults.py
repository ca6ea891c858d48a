"""The list of all faults by name: wrong or unusual rows, as real billing databases contain them.

Add a fault in `invoice_faults`, `payment_faults` or `assumption_faults`; it is then listed here.
"""

from collections.abc import Mapping

from meter_assets.demo.assumption_faults import ASSUMPTION_FAULTS
from meter_assets.demo.fault import Fault
from meter_assets.demo.invoice_faults import INVOICE_FAULTS
from meter_assets.demo.payment_faults import PAYMENT_FAULTS

__all__ = ["FAULTS", "Fault"]

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in (*PAYMENT_FAULTS, *INVOICE_FAULTS, *ASSUMPTION_FAULTS)}
