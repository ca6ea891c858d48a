"""The name of `meter_assets.runtime.launcher` in instance files of version 1.1 and older."""

from meter_assets.runtime.launcher import LocalLauncher as LocalLauncher
