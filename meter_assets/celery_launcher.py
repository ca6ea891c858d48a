"""The name of `meter_assets.runtime.celery_launcher` in instance files of version 1.1 and older."""

from meter_assets.runtime.celery_launcher import LostRunsLauncher as LostRunsLauncher
