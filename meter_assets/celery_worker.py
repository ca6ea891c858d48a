"""The name of `meter_assets.runtime.celery_worker` in instance files of version 1.1 and older."""

from meter_assets.runtime.celery_worker import app as app
from meter_assets.runtime.celery_worker import execute_job as execute_job
from meter_assets.runtime.celery_worker import resume_job as resume_job
