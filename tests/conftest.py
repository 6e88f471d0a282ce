"""Fixtures that every test may use, and how tests are spread over processes."""

import gc
import shutil
import time
from collections.abc import Iterator

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.core.cache import caches
from django.db import connection as database
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase
from hypothesis import settings

from runsdash.index.search import facets
from runsdash.index.totals import kept_days
from tests.connected import assistant, connection, start  # noqa: F401
from tests.emptied import empty_tables
from tests.migrated import copy_in_cluster, migrated_database
from tests.people import admin, nobody, operator, viewer  # noqa: F401
from tests.spread import Spread, place_of
from tests.upstream import Sandbox

# A gate must not fail by chance on what nobody changed: only the tests marked long look for new examples.
settings.register_profile("gate", derandomize=True)
USUALLY = gc.get_threshold()
RARELY = 20_000, 20, 20  # objects made before a look for cycles among the young, and looks before one among older
LEAST_LEFT_S = 5  # of a minute, for a test that must not go over its turn
SECOND_TRIES = 2  # for tests that a crowded machine can make late, and no others


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr != "long":
        settings.load_profile("gate")
    gc.disable()  # until all is collected, which stays


def pytest_collection_finish() -> None:
    """Some six thousand tests stay to the end; the collector of garbage need not walk them again and again."""
    gc.freeze()
    gc.set_threshold(*RARELY)
    gc.enable()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    config.option.loadscopereorder = False
    return Spread(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place_of(item.nodeid))
    may_rerun = config.pluginmanager.hasplugin("rerunfailures")
    for item in items:
        if may_rerun and any(item.get_closest_marker(name) for name in ("clock", "browser")):
            item.add_marker(pytest.mark.flaky(reruns=SECOND_TRIES, reruns_delay=1))


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """Whether pytest-django finds a migrated database: a copy of the one that runs share, or processes of a cluster."""
    if database.vendor != "sqlite":
        return copy_in_cluster(database.settings_dict["TEST"]["NAME"] or f"test_{database.settings_dict['NAME']}")
    shutil.copy(migrated_database(), database.settings_dict["TEST"]["NAME"])
    return True


@pytest.fixture(scope="session", autouse=True)
def _no_permissions() -> None:
    """Nobody asks for Django's permissions and content types, which each emptying of the tables would make anew."""
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Parts of pages and counts are kept by the state of the index, and every test begins with the same one."""
    caches["fragments"].clear()
    facets._kept.clear()
    kept_days._kept.clear()


@pytest.fixture
def one_minute() -> None:
    """Begins a test early enough in a minute to end in the same: what is counted or kept by the minute begins anew."""
    if (left_s := 60 - time.time() % 60) < LEAST_LEFT_S:
        time.sleep(left_s)


@pytest.fixture
def usual_gc() -> Iterator[None]:
    """Looks for cycles as often as a server does, for a test that measures memory."""
    gc.set_threshold(*USUALLY)
    yield
    gc.set_threshold(*RARELY)


@pytest.fixture(scope="session")
def sandbox():
    """A sandbox server for the whole session, with fast scripted work."""
    with Sandbox() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _emptied_between_tests() -> None:
    TransactionTestCase._fixture_teardown = lambda case: empty_tables()


@pytest.fixture
def upstream(sandbox):
    """The session's sandbox with no faults, no quirks and an empty request log."""
    sandbox.clear_faults()
    sandbox.clear_quirks()
    sandbox.clear_requests()
    return sandbox
