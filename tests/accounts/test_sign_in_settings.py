"""Secrets from files, and variables of single sign-on that cannot be meant."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from runsdash.settings import roles_of_claims, secret
from tests.test_settings import settings_read


def test_a_secret_comes_from_the_variable_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("of the file\n")
    assert secret("X", "", str(file)) == "of the file"
    assert secret("X", "its own", str(file)) == "its own"
    assert secret("X", "", "") == ""
    with pytest.raises(ImproperlyConfigured, match="X_FILE"):
        secret("X", "", str(tmp_path / "none"))


def test_roles_of_claims_are_words_or_json() -> None:
    assert roles_of_claims("leads=admin, cn=ops=operator") == {"leads": "admin", "cn=ops": "operator"}
    assert roles_of_claims('{"cn=ops,dc=x": "viewer"}') == {"cn=ops,dc=x": "viewer"}
    assert roles_of_claims("") == {}
    for wrong in ("leads", "leads=boss", "{", '{"a": []}'):
        with pytest.raises(ImproperlyConfigured, match="OIDC_ROLES"):
            roles_of_claims(wrong)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OIDC_ISSUER": "http://id.example.org", "OIDC_CLIENT_ID": "x"}, "https://"),
        ({"OIDC_ISSUER": "https://id.example.org"}, "OIDC_CLIENT_ID"),
        ({"LOCAL_SIGN_IN": "off", "OIDC_ISSUER": "https://id.example.org", "OIDC_CLIENT_ID": "x"}, "BREAK_GLASS_USER"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    (tmp_path / "key").write_text("k" * 50)
    for more, code in ((variables, 1), ({}, 0)):
        ended = settings_read(SECRET_KEY_FILE=str(tmp_path / "key"), **more)
        assert ended.returncode == code, ended.stderr
        assert code == 0 or said in ended.stderr.splitlines()[-1]
