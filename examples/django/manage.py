#!/usr/bin/env python3
"""A shop in Django that leaves mail and reports to workers.

python manage.py migrate --run-syncdb
python manage.py runserver
python manage.py gofer_worker
"""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
execute_from_command_line(sys.argv)
