"""The catalogue of faults: what real billing databases hold that is wrong or odd, by name."""

from collections.abc import Mapping

from meter_assets.demo.fault import Fault
from meter_assets.demo.invoice_faults import INVOICE_FAULTS
from meter_assets.demo.payment_faults import PAYMENT_FAULTS

__all__ = ["FAULTS", "Fault"]

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in (*PAYMENT_FAULTS, *INVOICE_FAULTS)}
