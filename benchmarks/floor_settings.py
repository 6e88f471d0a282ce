"""The project's settings for a server that is measured, with two addresses more: see floor_urls.py."""

from runsdash.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.floor_urls"
