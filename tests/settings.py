"""Settings of the test run: the project's own, with a throw-away database and no environment needed."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp(prefix="runsdash-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_folder / 'index.sqlite3'}")
for _name in ("RUNSDASH_API_BASE_URL", "RUNSDASH_API_KEY", "DEBUG"):
    os.environ[_name] = ""
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")
os.environ["CACHE_URL"] = "locmemcache://"

from runsdash.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if "sqlite3" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    # A file, not memory: threads and live servers share it as in production.
    DATABASES["default"]["TEST"] = {"NAME": str(_folder / "test.sqlite3")}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"  # noqa: F405  no test loses power
STATIC_ROOT = str(_folder)  # must be there; files are served by the finders
WHITENOISE_AUTOREFRESH = True  # each test client would look for all static files anew
