"""The application of Celery workers. Needs the extra `celery`.

`celery -A meter_assets.runtime.celery_worker worker -Q dagster` starts a worker. It uses the same broker as the
launcher in deploy/celery/dagster.yaml, from the same environment variable. Add a task of the workers here; the settings
that the launcher and the workers share are in `celery_launcher`.
"""

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from meter_assets import settings
from meter_assets.runtime.celery_launcher import CELERY_SETTINGS, URL_VARIABLE, checked_url

_url = checked_url(settings.variable(URL_VARIABLE) or "")

app = make_app({"broker": _url, "backend": _url, "config_source": dict(CELERY_SETTINGS)})  # type: ignore[no-untyped-call]
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)
