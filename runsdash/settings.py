"""Sets every setting of RunsDash, and alone reads the environment.

Names and defaults are documented in .env.example; a test fails when one is missing there.
"""

import json
import math
import os
import re
import secrets
import shlex
import sys
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.contrib.messages import constants as level
from django.core.exceptions import ImproperlyConfigured

from runsdash.service.providers import AUTH_STYLES, PROVIDERS

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
VERSION = "0.1.0"

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

COMMAND = sys.argv[1] if len(sys.argv) > 1 else ""
# `manage.py demo`, called by `make demo`, keeps everything in DEMO_DIR, whatever the environment says.
IS_DEMO = COMMAND == "demo"
DEMO_PORT = env.int("PORT", default=8000)
DEMO_SANDBOX_PORT = env.int("SANDBOX_PORT", default=8100)
DEMO_DIR = Path(env.str("DEMO_DIR", default=str(VAR_DIR / "demo"))).resolve()
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="")
DEMO_RUNS = env.int("DEMO_RUNS", default=400)
STATE_DIR = DEMO_DIR if IS_DEMO else VAR_DIR
# What programs started by `manage.py demo` inherit, and where `add_user --password-env` looks.
INHERITED_ENVIRONMENT = dict(os.environ)

DEBUG = env.bool("DEBUG", default=False) and not IS_DEMO


def made_secret_key(folder: Path) -> str:
    """Reads the key in `folder`; makes it on first use with mode 0600."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secret_key"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    return path.read_text().strip()


def secret(name: str, value: str, path: str) -> str:
    """Returns a secret: the variable's own value, or what the file in `NAME_FILE` holds."""
    if value or not path:
        return value
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{name}_FILE is {path!r}, and that file cannot be read: {error}") from None


def secret_key() -> str:
    given = secret("SECRET_KEY", env.str("SECRET_KEY", default=""), env.str("SECRET_KEY_FILE", default=""))
    if given and not IS_DEMO:
        return given
    if DEBUG or COMMAND in {"sandbox", "demo"}:
        return made_secret_key(STATE_DIR)
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Put a long random text into the environment or .env, for example the output of: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))". With DEBUG=on one is made for you.'
    )


SECRET_KEY = secret_key()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # earlier ones, while they are still needed
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# The path that a proxy serves RunsDash under, such as /runsdash. See wsgi.py.
SCRIPT_NAME = "" if IS_DEMO else env.str("SCRIPT_NAME", default="").strip("/")
FORCE_SCRIPT_NAME = f"/{SCRIPT_NAME}" if SCRIPT_NAME else None
PUBLIC_URL = env.str("PUBLIC_URL", default="")  # where people reach the dashboard: links in messages begin with it
if PUBLIC_URL and not re.match(r"https?://[^/\s]+", PUBLIC_URL):
    raise ImproperlyConfigured(f"PUBLIC_URL is {PUBLIC_URL!r}; it has to be a URL such as https://runs.example.org.")
os.environ.pop("SCRIPT_NAME", None)  # gunicorn would refuse every request without it, probes too

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "csp",
    "django_htmx",
    "runsdash.audit",
    "runsdash.accounts",
    "runsdash.index",
    "runsdash.notify",
    "runsdash.sync",
    "runsdash.actions",
    "runsdash.actions.batch",
    "runsdash.dashboard",
    "runsdash.sandbox",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "runsdash.dashboard.middleware.numbered",
    "runsdash.dashboard.middleware.isolated",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "runsdash.dashboard.middleware.packed",
    "csp.middleware.CSPMiddleware",
    "runsdash.dashboard.middleware.unlisted",
    "runsdash.dashboard.middleware.probes",
    "runsdash.dashboard.middleware.no_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "runsdash.accounts.teams.seen",
    "runsdash.accounts.sessions.noted_use",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "runsdash.dashboard.middleware.fragments",
    "runsdash.dashboard.middleware.deceiving_characters",
    "runsdash.dashboard.middleware.time_zone",
    "runsdash.dashboard.middleware.problems",
]

ROOT_URLCONF = "runsdash.urls"
WSGI_APPLICATION = "runsdash.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "runsdash.dashboard.shell.shell.shell",
            ],
        },
    }
]

MESSAGE_TAGS = dict.fromkeys((level.INFO, level.SUCCESS), "good") | {level.WARNING: "warn", level.ERROR: "bad"}

# Database: SQLite tuned for one writer and many readers, or PostgreSQL by URL.
SQLITE_URL = f"sqlite:///{STATE_DIR / 'runsdash.sqlite3'}"
DATABASE_URL = secret("DATABASE_URL", env.str("DATABASE_URL", default=""), env.str("DATABASE_URL_FILE", default=""))
DATABASES = {"default": env.db_url_config(SQLITE_URL if IS_DEMO else DATABASE_URL or SQLITE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # To open the file again for each request takes a fifth of a list's time.
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            # The page size takes effect in a new file only. With 4 KB an import writes twice as many pages.
            "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000; "
            "PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST;"
        ),
    }
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Uploads and exports. Several machines need one folder that all of them can read and write.
FILES_DIR = STATE_DIR / "files" if IS_DEMO else Path(env.str("FILES_DIR", default=str(STATE_DIR / "files")))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

HUEY_URL = env.str("HUEY_URL", default="")  # accepted, without effect: work is kept in rows
BY_ROW_ACCESS = {"KEY_FUNCTION": "runsdash.row_access.cache_key"}  # what is kept is kept for those who see the same
CACHES = {
    "default": env.cache_url("CACHE_URL", default="dbcache://runsdash_cache") | BY_ROW_ACCESS,
    # Parts of pages that many people look at, cached by each process. A key holds all that the part depends on.
    "fragments": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100}}
    | BY_ROW_ACCESS,
}
EMAIL_URL = secret("EMAIL_URL", env.str("EMAIL_URL", default=""), env.str("EMAIL_URL_FILE", default=""))
vars().update(env.email_url_config(EMAIL_URL or "consolemail://"))
if vars()["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend":
    EMAIL_BACKEND = "runsdash.notify.smtp.EmailBackend"  # has one time limit for a whole letter
HAS_MAIL_SERVER = vars()["EMAIL_BACKEND"].split(".")[-2] not in {"console", "dummy", "filebased", "locmem"}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="runsdash@localhost")

# Sign-in
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
SESSION_ENGINE = "runsdash.accounts.sessions"
SESSION_IDLE_HOURS = env.float("SESSION_IDLE_HOURS", default=72.0)
SESSION_DAYS = env.float("SESSION_DAYS", default=14.0)
SESSION_COOKIE_AGE = int(SESSION_DAYS * 86_400)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "runsdash.accounts.passwords.NotRepeated"},
]
MFA_REQUIRED_ROLES = env.list("MFA_REQUIRED_ROLES", default=[])
if not set(MFA_REQUIRED_ROLES) <= {"viewer", "operator", "admin"}:
    raise ImproperlyConfigured("MFA_REQUIRED_ROLES holds roles, separated by commas: viewer, operator, admin.")
MFA_ADAPTER = "runsdash.accounts.second_factor.Factors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "RunsDash"
MFA_TOTP_TOLERANCE = 1  # of 30 s: clocks of telephones
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG or IS_DEMO  # browsers themselves take http for localhost alone
PASSWORD_RESET_TIMEOUT = 3600  # seconds that a mailed link is good
ACCOUNT_ADAPTER = "runsdash.accounts.adapter.ClosedDoor"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}  # tries; key: an account's name
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

# Single sign-on by OpenID Connect, where there is an issuer
OIDC_ISSUER = "" if IS_DEMO else env.str("OIDC_ISSUER", default="")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = secret(
    "OIDC_CLIENT_SECRET", env.str("OIDC_CLIENT_SECRET", default=""), env.str("OIDC_CLIENT_SECRET_FILE", default="")
)
OIDC_SCOPES = env.str("OIDC_SCOPES", default="openid profile email").split()
OIDC_ROLE_CLAIM = env.str("OIDC_ROLE_CLAIM", default="groups")
OIDC_DOMAINS = [one.strip().lower() for one in env.list("OIDC_DOMAINS", default=[])]
LOCAL_SIGN_IN = env.bool("LOCAL_SIGN_IN", default=True) or IS_DEMO
BREAK_GLASS_USER = env.str("BREAK_GLASS_USER", default="")


def roles_of_claims(text: str) -> dict[str, str]:
    """Reads OIDC_ROLES: `leads=admin,ops=operator`, or JSON where values of the claim have signs in them."""
    problem = ImproperlyConfigured(
        "OIDC_ROLES says which role a value of the claim gives: leads=admin,ops=operator or, as JSON, "
        '{"cn=leads,dc=example": "admin"}. The roles are viewer, operator and admin.'
    )
    try:
        given = json.loads(text) if text.startswith("{") else dict(one.rsplit("=", 1) for one in text.split(",") if one)
    except ValueError:
        raise problem from None
    roles = {str(value).strip(): str(role).strip() for value, role in given.items()}
    if not set(roles.values()) <= {"viewer", "operator", "admin"}:
        raise problem
    return roles


OIDC_ROLES = roles_of_claims(env.str("OIDC_ROLES", default="").strip())
if OIDC_ISSUER:
    issuer = urlsplit(OIDC_ISSUER)
    is_local = issuer.hostname in {"localhost", "127.0.0.1", "::1"}
    if issuer.scheme != "https" and not (issuer.scheme == "http" and is_local):
        raise ImproperlyConfigured(f"OIDC_ISSUER is {OIDC_ISSUER!r}. It has to begin with https://")
    if len(OIDC_ISSUER) > 200 or not OIDC_CLIENT_ID or "openid" not in OIDC_SCOPES:
        raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID, and openid among OIDC_SCOPES.")
if not LOCAL_SIGN_IN and not (OIDC_ISSUER and BREAK_GLASS_USER):
    raise ImproperlyConfigured(
        "LOCAL_SIGN_IN is off. Then OIDC_ISSUER has to say where people sign in, and BREAK_GLASS_USER which "
        "administrator may still use a password when that fails."
    )
SOCIALACCOUNT_ADAPTER = "runsdash.accounts.single_sign_on.Doorkeeper"

# Hardening
SECURE_SSL = env.bool("SECURE_SSL", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL
SECURE_SSL_REDIRECT = SECURE_SSL
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_SSL else 0
SECURE_REDIRECT_EXEMPT = [r"(^|/)(healthz|readyz|metrics)$"]
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def networks(name: str, texts: list[str]) -> list[str]:
    """Checks the networks in a variable and returns them as they are written there."""
    given = [text.strip() for text in texts]
    for one in given:
        try:
            ip_network(one, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} holds {one!r}, which is no network. Write addresses or networks such as 10.0.0.0/8, by commas."
            ) from None
    return given


TRUSTED_PROXIES = networks("TRUSTED_PROXIES", env.list("TRUSTED_PROXIES", default=[]))
METRICS_ALLOW = networks("METRICS_ALLOW", env.list("METRICS_ALLOW", default=["127.0.0.0/8", "::1/128"]))
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{FORCE_SCRIPT_NAME or ''}/"
SESSION_COOKIE_NAME = "runsdash_session"
CSRF_COOKIE_NAME = "runsdash_csrf"
CSRF_FAILURE_VIEW = "runsdash.dashboard.shell.problems.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        # Not report-to: browsers that know it take no report without https, and then look at report-uri no more.
        "report-uri": [f"{FORCE_SCRIPT_NAME or ''}/csp-report/"],
    }
}
SILENCED_SYSTEM_CHECKS = [] if SECURE_SSL else ["security.W004", "security.W008", "security.W012", "security.W016"]
if SECURE_SSL:
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # subdomains and preload lists are the operator's call
# Forms carry tool outputs, of which the API takes less than 512 KB: docs/protocol.md#errors.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# Static files
WHITENOISE_STATIC_PREFIX = "/static/"  # as requests have it once their SCRIPT_NAME is taken off
STATIC_URL = f"{FORCE_SCRIPT_NAME or ''}{WHITENOISE_STATIC_PREFIX}"
STATIC_ROOT = str(DEMO_DIR / "static" if IS_DEMO else env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # whitenoise warns about a folder that is not there
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]  # pages use no file of a library
# Files are served from `static/` under their own names until `collectstatic` has made hashed copies, as the demo does.
HASHED_STATIC = (Path(STATIC_ROOT) / "staticfiles.json").exists()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "runsdash.static_files.DeployedFiles"
        if HASHED_STATIC or IS_DEMO or COMMAND == "collectstatic"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not HASHED_STATIC
WHITENOISE_AUTOREFRESH = DEBUG

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

# The connection named `default`


def texts_by_name(name: str, given: str) -> dict[str, str]:
    """Reads a JSON object of texts."""
    try:
        read = json.loads(given or "{}")
    except ValueError:
        read = None
    if not isinstance(read, dict) or not all(isinstance(one, str) for one in read.values()):
        raise ImproperlyConfigured(f'{name} is not a JSON object of texts, such as {{"name": "value"}}.')
    return read


def day(name: str, given: str) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {given!r} and not a day such as 2027-03-31.") from None


def arguments(given: str) -> list[str]:
    """Reads a command as a list of arguments: a JSON list, or words in the quotes of a shell."""
    try:
        read = json.loads(given) if given.startswith("[") else shlex.split(given)
    except ValueError:
        read = None
    if not isinstance(read, list) or not all(isinstance(one, str) for one in read):
        raise ImproperlyConfigured("RUNSDASH_API_KEY_COMMAND is no list of arguments.")
    return read


RUNSDASH_API_BASE_URL = env.str("RUNSDASH_API_BASE_URL", default="").rstrip("/")
RUNSDASH_API_KEY = secret(
    "RUNSDASH_API_KEY", env.str("RUNSDASH_API_KEY", default=""), env.str("RUNSDASH_API_KEY_FILE", default="")
)
RUNSDASH_API_KIND = env.str("RUNSDASH_API_KIND", default="openai")
RUNSDASH_API_VERSION = env.str("RUNSDASH_API_VERSION", default="")
RUNSDASH_API_TIMEOUT_S = env.float("RUNSDASH_API_TIMEOUT_S", default=30.0)
RUNSDASH_API_AUTH = env.str("RUNSDASH_API_AUTH", default="")
RUNSDASH_API_ORGANIZATION = env.str("RUNSDASH_API_ORGANIZATION", default="")
RUNSDASH_API_PROJECT = env.str("RUNSDASH_API_PROJECT", default="")
RUNSDASH_API_QUERY = texts_by_name("RUNSDASH_API_QUERY", env.str("RUNSDASH_API_QUERY", default=""))
RUNSDASH_API_HEADERS = texts_by_name("RUNSDASH_API_HEADERS", env.str("RUNSDASH_API_HEADERS", default=""))
RUNSDASH_API_SUNSET = day("RUNSDASH_API_SUNSET", env.str("RUNSDASH_API_SUNSET", default=""))
# Arguments of a command that prints a token; it runs without a shell.
RUNSDASH_API_KEY_COMMAND = arguments(env.str("RUNSDASH_API_KEY_COMMAND", default=""))
if RUNSDASH_API_KEY_COMMAND and RUNSDASH_API_KEY and not IS_DEMO:
    raise ImproperlyConfigured("RUNSDASH_API_KEY and RUNSDASH_API_KEY_COMMAND are both set. Keep one of them.")
if RUNSDASH_API_AUTH not in AUTH_STYLES:
    raise ImproperlyConfigured(
        f"RUNSDASH_API_AUTH is {RUNSDASH_API_AUTH!r}. It is bearer, api-key or none, or empty for the usual way."
    )
RUNSDASH_API_ALLOW_LINK_LOCAL = env.bool("RUNSDASH_API_ALLOW_LINK_LOCAL", default=False)
RUNSDASH_API_BUDGET_PER_MIN = env.int("RUNSDASH_API_BUDGET_PER_MIN", default=600)
if IS_DEMO:
    RUNSDASH_API_KEY_COMMAND, RUNSDASH_API_AUTH = [], ""
    RUNSDASH_API_QUERY, RUNSDASH_API_HEADERS, RUNSDASH_API_SUNSET = {}, {}, None
    RUNSDASH_API_BASE_URL, RUNSDASH_API_KEY = f"http://127.0.0.1:{DEMO_SANDBOX_PORT}/v1", "sandbox"
    RUNSDASH_API_KIND, RUNSDASH_API_VERSION = "sandbox", ""
if RUNSDASH_API_KIND not in PROVIDERS:
    raise ImproperlyConfigured(
        f"RUNSDASH_API_KIND is {RUNSDASH_API_KIND!r}, and RunsDash knows no such kind of server. "
        f"The kinds are {', '.join(PROVIDERS)}."
    )
RUNSDASH_INGEST_PER_MIN = env.int("RUNSDASH_INGEST_PER_MIN", default=600)
RUNSDASH_READ_ONLY = env.bool("RUNSDASH_READ_ONLY", default=False)
RUNSDASH_RETENTION_DAYS = env.int("RUNSDASH_RETENTION_DAYS", default=0)
RUNSDASH_EXPORT_DAYS = env.int("RUNSDASH_EXPORT_DAYS", default=7)
RUNSDASH_DELIVERY_DAYS = env.int("RUNSDASH_DELIVERY_DAYS", default=30)


def is_price(value: float | str | list[Any] | dict[str, Any] | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def own_prices(text: str) -> dict[str, tuple[float, ...]]:
    """Reads prices from JSON: (input, output[, cached]) in US dollars per million tokens, by model in lower case."""
    problem = ImproperlyConfigured(
        'RUNSDASH_PRICES has to be JSON like {"my-deployment": {"input": 2.5, "output": 10}}: for each model the US '
        'dollars per million input and output tokens, zero or more; maybe those of cached input as "cached".'
    )
    try:
        given = json.loads(text or "{}")
    except ValueError:
        raise problem from None
    if not isinstance(given, dict):
        raise problem
    for price in given.values():
        is_whole = isinstance(price, dict) and set(price) - {"cached"} == {"input", "output"}
        if not is_whole or not all(map(is_price, price.values())):
            raise problem
    names = ("input", "output", "cached")
    return {
        model.casefold(): tuple(float(price[name]) for name in names if name in price) for model, price in given.items()
    }


RUNSDASH_PRICES = own_prices(env.str("RUNSDASH_PRICES", default=""))

# The sandbox, when a model answers its runs
SANDBOX_CHAT_URL = env.str("SANDBOX_CHAT_URL", default="")
SANDBOX_CHAT_KEY = env.str("SANDBOX_CHAT_KEY", default="")
SANDBOX_CHAT_MODEL = env.str("SANDBOX_CHAT_MODEL", default="")

STREAM_VIEWERS_MAX = env.str("STREAM_VIEWERS_MAX", default="")  # accepted, without effect: polls bring live output
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("LOG_FORMAT", default="plain")
if LOG_FORMAT not in ("plain", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}; it has to be plain or json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "runsdash.json_logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.csrf": {"level": "ERROR"},
    },
}
