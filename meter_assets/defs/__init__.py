"""The Dagster definitions: one module per asset, with its checks below it, and the jobs, schedules and sensors.

Add an asset, a job, a schedule or a sensor as a module here: Dagster's loader finds it. Rules belong in `rules`, writes
to the billing database in `migration`. No SQL here.
"""
