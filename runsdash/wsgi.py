"""The WSGI application that gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runsdash.settings")
application = get_wsgi_application()
# All views are read now and not by the first request. What is there by now stays for good: without being told, the
# garbage collector looks through all of it again and again, a tenth of a second each time in the midst of a request.
get_resolver().url_patterns  # noqa: B018  reading it imports them
gc.collect()
gc.freeze()
