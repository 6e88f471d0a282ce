"""Another SECRET_KEY: what was sealed before is read by a fallback, sealed anew, and needs the old key no more."""

import pytest
from django.core.management import call_command

from runsdash.audit.models import AuditEntry
from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import seal, unseal
from tests.rows import made_connection

pytestmark = pytest.mark.django_db


def sealed_key(slug: str) -> str:
    return Connection.objects.get(slug=slug).sealed_key


def test_keys_are_sealed_anew(settings, capsys) -> None:
    made_connection("prod", sealed_key=seal("sk-one"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    assert unseal(sealed_key("prod")) == "sk-one"
    call_command("reseal_keys")
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(sealed_key("prod")) == "sk-one"
    assert "Sealed 1 " in capsys.readouterr().out
    assert AuditEntry.objects.get(kind="outcome").after == {"sealed": 1, "unreadable": []}


def test_what_no_key_opens_is_named_and_left(settings, capsys) -> None:
    made_connection("prod", sealed_key=seal("sk-one"))
    settings.SECRET_KEY = "new" * 20
    made_connection("other", sealed_key=seal("sk-two"))
    before = sealed_key("prod")
    with pytest.raises(SystemExit):
        call_command("reseal_keys")
    assert "prod" in capsys.readouterr().err
    assert (sealed_key("prod"), unseal(sealed_key("other"))) == (before, "sk-two")
