"""`celery -A worker.app`: the one module that builds from the environment when it is imported."""

from config.settings import load_settings
from worker.broker import broker_url
from worker.celery_app import make_app

_settings = load_settings()
app = make_app(_settings, broker_url(_settings))
