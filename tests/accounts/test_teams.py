"""Two worlds that share an instance: nobody of one sees anything of the other, whatever was looked at before.

Every address of the resolver is asked for; the answers to a member are those of a RunsDash that holds their world
alone.
"""

import re

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import get_resolver

from runsdash.accounts.models import Team
from runsdash.accounts.teams import hidden_from
from tests.accounts.worlds import World, made_team, made_world, names_in, no_world, person, whole
from tests.pages import page_of
from tests.rows import roll_all_up
from tests.test_docs import routes

pytestmark = pytest.mark.django_db(transaction=True)
# It ends a session; and what machines ask for is given by their network address, docs/access.md.
BESIDE = ("/accounts/logout/", "/metrics")
ROUTES = sorted(route for route in routes(get_resolver().url_patterns) if route not in BESIDE)
MOMENTS = re.compile(
    r"\b\d+ ?(?:ms|s|min|m)(?: ago)?\b|just now|\d\d:\d\d(?::\d\d)?(?:\.\d+)?|\b[0-9a-f]{16,}\b|[A-Za-z0-9_-]{43}"
    r"|\d+ of \d+ in the last minute|x-runsdash-stale\": \"\d+|(?<=…)\w{4}\b"  # the end of an id that was asked for
)
NUMBERED = re.compile(r"<(?:key|pk|job_id|number)>")


@pytest.fixture
def files(settings, tmp_path):
    settings.FILES_DIR = str(tmp_path)
    caches["default"].clear()


def address_in(world: World, route: str) -> str:
    """The address of a route in this world."""
    if NUMBERED.search(route):
        route = NUMBERED.sub(str(world.keys.get(NUMBERED.split(route)[0], 999_999)), route)
    names = names_in(world)
    return re.sub(r"<(\w+)>", lambda name: names.get(name[1], "x_1"), route)


def addresses(world: World) -> dict[str, str]:
    """Every address of the resolver in this world, and what else of it can be asked for there, by what it is."""
    words, slug, run = world.words, world.connection.slug, world.waiting
    typed = [
        f"/search/?q={words}", f"/search/?q={run.upstream_id}", f"/go/?id={run.upstream_id}", f"/search/suggest/?q={words}",
        f"/runs/?q={words}", f"/runs/?q=model:{words}", f"/runs/?connection={slug}", f"/runs/?q=connection:{slug}",
        f"/runs/?q=label:{words}", f"/runs/?q=note:{words}", f"/runs/?q=tool:{words}", f"/runs/?q=error:{words}",
        f"/runs/?q=run:{run.upstream_id}", f"/runs/?q=thread:{run.thread.upstream_id}", "/runs/?q=-status:completed",
        "/runs/?sort=-tokens", "/runs/?sort=cost", "/runs/?q=has:note", "/runs/?q=is:waiting", "/runs/?q=is:active",
        f"/runs/totals/?q=error:{words}", "/runs/totals/?q=", "/runs/totals/?q=status:failed", "/runs/facets/?q=",
        "/runs/totals/?q=since:30d", f"/runs/facets/?q=-error:{words}", f"/runs/live/?q={words}",
        f"/threads/?q={words}", f"/threads/?q=connection:{slug}", f"/threads/?q=label:{words}", "/threads/facets/?q=",
        "/threads/?sort=-runs", "/threads/?q=has:note", f"/threads/?q=model:{words}",
        f"/?q=error:{words}", f"/?q=model:{words}", f"/?connection={slug}", f"/live/?q=error:{words}",
        *(f"/?from=2026-10-30&to=2026-11-05&group={by}" for by in ("assistant", "model", "status", "connection", "function")),
        *(f"/?from=2026-10-30&to=2026-11-05&format=csv&table={by}" for by in ("", "groups", "causes")),
        f"/?from=2026-10-30&to=2026-11-05&q=error:{words}", f"/?from=2026-10-30&to=2026-11-05&group=metadata.{words}0",
        f"/needs-action/?connection={slug}", f"/audit/?run={run.upstream_id}", f"/audit/?thread={run.thread.upstream_id}",
        f"/audit/?actor={world.operator.user.username}", f"/compare/?a={run.upstream_id}&b={world.failed.upstream_id}",
        f"/compare/?run={run.pk}&run={world.failed.pk}", f"/bulk/new/?run={run.pk}", f"/bulk/new/?q={words}",
        f"/runs/export.csv?q={words}", f"/runs/export.jsonl?q=error:{words}", f"/runs/export.csv?connection={slug}",
        f"/runs/new/?connection={slug}", f"/functions/?name={words}", f"/files/file-{world.ids}/?connection={slug}",
        f"/notifications/new/?view={world.keys['/runs/views/']}", f"/frame/?connection={slug}",
        *(
            f"{path}suggest/?q={word}{start}"
            for path in ("/runs/", "/threads/")
            for word in ("model:", "assistant:", "connection:", "error:", "tool:", "label:", "metadata.", "thread.metadata.")
            for start in ("", words[:4], slug[:2])
        ),
        f"/threads/{run.thread.upstream_id}/?message={names_in(world)['message_id']}",
        f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/?step={names_in(world)['step_id']}",
    ]  # fmt: skip
    of_routes = {route: address_in(world, route) for route in ROUTES}
    return of_routes | {re.sub(rf"{world.word}|\b\d+\b", "…", one): one for one in typed}


def visit(client: Client, world: World) -> dict[str, str]:
    """Asks for all addresses of a world, also as htmx does; returns the answers by address."""
    found = {}
    for named, address in addresses(world).items():
        found[named] = whole(client.get(address))
        found[f"{named} htmx"] = whole(client.get(address, headers={"HX-Request": "true"}))
    return found


@pytest.fixture
def worlds(files) -> tuple[World, World]:
    """Two worlds with a team each, and figures that are made."""
    red, blue = made_world("qzred"), made_world("qzblue")
    made_team(red), made_team(blue)
    roll_all_up()
    return red, blue


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nothing_of_another_world_is_in_any_answer(worlds: tuple[World, World]) -> None:
    """Caches are warm: an administrator, who sees all, and the other team have been everywhere."""
    red, blue = worlds
    boss = person("boss", "admin")
    answers = visit(boss, red) | visit(boss, blue)
    for mine, other, client in ((red, blue, red.operator), (blue, red, blue.operator), (red, blue, red.viewer)):
        assert sum(mine.secret in answer for answer in answers.values()) > 60
        own, theirs = visit(client, mine), visit(client, other)
        assert sum(mine.secret in answer for answer in own.values()) > 50
        assert leaks(own, (other.words, other.secret, other.ids)) == ""
        assert leaks(theirs, (other.secret,)) == ""  # words and ids stand in the addresses that are asked for


def leaks(answers: dict[str, str], words: tuple[str, ...]) -> str:
    """Names answers with a word of another world, and what stands around it."""
    places = [(address, text, text.find(word)) for address, text in answers.items() for word in words]
    return "\n".join(f"{address}: …{text[max(0, at - 150) : at + 80]}…" for address, text, at in places if at >= 0)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_world_looks_as_if_it_were_alone(files) -> None:
    """Pages of a RunsDash with one world, then of the same with another one beside it."""
    red = made_world("qzred")
    alone = {name: texts(getattr(red, name), red) for name in ("operator", "viewer")}
    blue = made_world("qzblue")
    made_team(red), made_team(blue)
    roll_all_up()
    texts(person("boss", "admin"), red), texts(blue.operator, red)
    for name, before in alone.items():
        assert differences(before, texts(getattr(red, name), red)) == ""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_another_world_is_one_that_does_not_exist(worlds: tuple[World, World]) -> None:
    """Whoever asks for another team's ids, names and words reads what they read of ids that nobody has."""
    red, blue = worlds
    texts(person("boss", "admin"), blue)
    nowhere = texts(red.operator, no_world("qznone"))
    assert differences(nowhere, texts(red.operator, blue)) == ""


def texts(client: Client, world: World) -> dict[str, str]:
    """What a person reads on each page; moments and durations of just now left out, and the world's name."""
    found = {}
    for named, address in addresses(world).items():
        answer = client.get(address)
        is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        text = f"{answer.status_code} {page_of(answer, status=answer.status_code).text if is_page else whole(answer)}"
        found[named] = re.sub("…(?: …)+", "…", MOMENTS.sub("…", text.casefold().replace(world.word, "WORLD")))
    return found


def differences(before: dict[str, str], now: dict[str, str]) -> str:
    """Says where each text that differs begins to."""
    assert before.keys() == now.keys()
    found = ""
    for address, text in before.items():
        if text != now[address]:
            at = next((at for at, pair in enumerate(zip(text, now[address], strict=False)) if len({*pair}) > 1), 0)
            start = max(0, at - 60)
            found += f"{address}: {text[start : at + 60]!r} became {now[address][start : at + 60]!r}\n"
    return found


def test_who_sees_which_connection(worlds: tuple[World, World]) -> None:
    red, blue = worlds
    outsider, boss = person("outsider", "operator"), person("boss", "admin")
    assert hidden_from(boss.user) == ()
    assert hidden_from(outsider.user) == (red.connection.pk, blue.connection.pk)
    assert hidden_from(red.viewer.user) == (blue.connection.pk,)
    Team.objects.get(name__contains=red.words).members.add(outsider.user)
    assert page_of(outsider.get("/connections/")).text.count(red.words)
    assert blue.words not in page_of(outsider.get("/connections/")).text
    Team.objects.filter(name__contains=blue.words).delete()
    assert blue.words in page_of(red.viewer.get("/connections/")).text
