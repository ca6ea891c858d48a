"""The name of `meter_assets.runtime.instance` in instance files of version 1.1 and older."""

from meter_assets.runtime.instance import MeterAssetsInstance as MeterAssetsInstance
from meter_assets.runtime.instance import MeterAssetsStorage as MeterAssetsStorage
from meter_assets.runtime.instance import UnusableInstance as UnusableInstance
from meter_assets.runtime.sqlite_storage import PrivateEventLog as PrivateEventLog
from meter_assets.runtime.sqlite_storage import PrivateSqliteStorage as PrivateSqliteStorage
