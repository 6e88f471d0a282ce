"""Teams, for administrators."""

import pytest
from django.test import Client

from runsdash.accounts.models import Team
from runsdash.audit.models import AuditEntry
from tests.accounts.worlds import person
from tests.pages import page_of
from tests.rows import made_connection

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_administrator_makes_and_removes_a_team_on_the_record(admin: Client) -> None:
    connection, ann = made_connection("mine"), person("ann", "viewer")
    typed = {"name": "Support", "members": [ann.user.pk], "connections": [connection.pk]}
    assert admin.post("/teams/new/", typed).status_code == 302
    team = Team.objects.get()
    assert (list(team.members.all()), list(team.connections.all())) == ([ann.user], [connection])
    [row] = page_of(admin.get("/teams/")).all("tr", data_team=True)
    assert row.text == "Support 1 mine"
    page = page_of(admin.get(f"/teams/{team.pk}/"))
    ticked = [one["name"] for one in page.all("input", type="checkbox") if "checked" in one.attributes]
    assert ticked == ["members", "connections"]
    assert admin.post(f"/teams/{team.pk}/", typed | {"name": ""}).status_code == 422
    assert page_of(admin.post("/connections/mine/remove/", {"confirm": "mine"}), status=422)
    assert admin.post(f"/teams/{team.pk}/", typed | {"members": []}).status_code == 302
    assert admin.post(f"/teams/{team.pk}/remove/").status_code == 302
    assert not Team.objects.exists()
    actions = AuditEntry.objects.filter(kind="outcome").order_by("pk")
    assert [one.action for one in actions] == ["team_added", "team_changed", "team_removed"]
    assert actions[1].before["members"] == ["ann"]


def test_only_for_administrators(operator: Client) -> None:
    assert operator.get("/teams/").status_code == 403
    assert operator.post("/teams/new/", {"name": "x"}).status_code == 403
    assert not Team.objects.exists()


def test_unknown_and_same_name(admin: Client) -> None:
    assert admin.get("/teams/99999/").status_code == 404
    assert admin.post("/teams/").status_code == 405
    Team.objects.create(name="Support")
    answer = admin.post("/teams/new/", {"name": "Support"})
    assert "already" in page_of(answer, status=422).one(id="id_name-err").text
