"""The name of `meter_assets.runtime.kubernetes_launcher` in instance files of version 1.1 and older."""

from meter_assets.runtime.kubernetes_launcher import KubernetesLauncher as KubernetesLauncher
