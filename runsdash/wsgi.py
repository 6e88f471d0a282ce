"""The WSGI application that gunicorn serves."""

import gc
import os
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from runsdash.index.keeping.versions import refuse_newer_database

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runsdash.settings")
django = get_wsgi_application()
refuse_newer_database()


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Answers with or without the path of SCRIPT_NAME in front, as proxies pass it on and probes leave it out."""
    path, prefix = environ["PATH_INFO"], settings.FORCE_SCRIPT_NAME or ""
    if prefix and f"{path}/".startswith(f"{prefix}/"):
        environ["PATH_INFO"] = path[len(prefix) :]
    return django(environ, start_response)


# All views are read now and not by the first request. What is there by now stays for good: without being told, the
# garbage collector looks through all of it again and again, a tenth of a second each time in the midst of a request.
get_resolver().url_patterns  # noqa: B018  reading it imports them
gc.collect()
gc.freeze()
