"""settings - a small Django project for the tests. $TEST_FOLDER holds its databases."""

import os
from pathlib import Path

FOLDER = Path(os.environ["TEST_FOLDER"])
SECRET_KEY = "for tests"
DEBUG = True
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "gofer.django",
    "shop",
]
try:
    import django.tasks
except ImportError:
    INSTALLED_APPS.append("django_tasks")
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "app.db",
        "OPTIONS": {"timeout": 60},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {
    "default": {
        "BACKEND": "gofer.django.GoferBackend",
        "QUEUES": ["default", "mail"],
        "OPTIONS": {"URL": f"sqlite:{FOLDER / 'tasks.db'}", "RETRY": 1, "RETRY_POLICY": "fixed:0s"},
    },
    "now": {
        "BACKEND": "gofer.django.GoferBackend",
        "QUEUES": [],
        "OPTIONS": {"URL": f"sqlite:{FOLDER / 'tasks.db'}", "ENQUEUE": "now"},
    },
}
