"""The name of `meter_assets.runtime.instance` in instance files of version 1.1 and older."""

from meter_assets.runtime.instance import MeterAssetsInstance as MeterAssetsInstance
from meter_assets.runtime.instance import MeterAssetsStorage as MeterAssetsStorage
from meter_assets.runtime.instance import PrivateEventLog as PrivateEventLog
from meter_assets.runtime.instance import PrivateSqliteStorage as PrivateSqliteStorage
from meter_assets.runtime.instance import UnusableInstance as UnusableInstance
