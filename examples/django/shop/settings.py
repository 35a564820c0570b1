"""settings - for trying out, not for the open net. Files are in the current folder."""

import os

SECRET_KEY = "not a secret: this is an example"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
USE_TZ = True
ROOT_URLCONF = "shop.views"
INSTALLED_APPS = ["gofer.django", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ.get("SMTP_PORT", 25))

TASKS = {
    "default": {
        "BACKEND": "gofer.django.GoferBackend",
        "QUEUES": ["default", "mail"],
        "OPTIONS": {"RETRY": 8},  # the broker is $GOFER_URL
    }
}
