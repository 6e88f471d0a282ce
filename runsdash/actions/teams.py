"""Adds teams, changes who and what belongs to them, and removes them, for administrators and on the record."""

from collections.abc import Iterable

from runsdash.accounts.models import Team, User
from runsdash.index.models import Connection
from runsdash.service.json_types import JsonObject

from .audited_change import change


def save_team(*, actor: User, team: Team, members: Iterable[User], connections: Iterable[Connection]) -> Team:
    """Saves a new or changed team with exactly these members and connections."""
    is_new = team.pk is None
    before = None if is_new else picture(Team.objects.get(pk=team.pk))

    def act() -> tuple[Team, JsonObject]:
        team.save()
        team.members.set(members)
        team.connections.set(connections)
        return team, picture(team)

    action = "team_added" if is_new else "team_changed"
    return change(actor=actor, action=action, right="can_manage", connection_slug="", act=act, before=before)


def remove_team(*, actor: User, team: Team) -> None:
    """Removes a team. Its connections are seen by everybody, unless another team has them."""

    def act() -> tuple[None, None]:
        team.delete()
        return None, None

    change(
        actor=actor, action="team_removed", right="can_manage", connection_slug="", act=act, before=picture(team)
    )  # fmt: skip


def picture(team: Team) -> JsonObject:
    """Returns what the trail keeps of a team."""
    return {
        "name": team.name,
        "members": sorted(team.members.values_list("username", flat=True)),
        "connections": sorted(team.connections.values_list("slug", flat=True)),
    }
