"""The frame around every page: navigation, scripts, menus, cache headers, the time zone, problem pages."""

import gzip
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from runsdash.dashboard.middleware import packed
from runsdash.dashboard.shell.links import run_url, thread_url
from runsdash.dashboard.shell.lookup import NoConnection
from runsdash.dashboard.shell.problems import problem_for, problem_response, server_error
from runsdash.index.models import Run
from runsdash.service import errors
from tests.dashboard.conftest import LATER
from tests.pages import page_of, parsed, partials_of
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db


def test_scripts_come_plain_and_in_order_behind_their_settings(viewer: Client) -> None:
    page = page_of(viewer.get("/"))
    head = [one for one in page.one("head").children if not isinstance(one, str)]
    tags = [one.get("src") or one.get("name") for one in head]
    order = ["htmx-config", "/static/htmx/htmx.js", "/static/js/page.js"]
    assert [tag for tag in tags if tag in order] == order
    for script in page.all("script", src=True):
        assert "defer" not in script.attributes  # an extension of htmx would register too late
        assert (script.get("type") == "module") == script["src"].startswith("/static/js/")  # no names shared


def test_nothing_inline(admin: Client) -> None:
    made_run(made_connection())
    for url in ("/", "/runs/", "/profile/", "/accounts/password/change/"):
        page = page_of(admin.get(url))
        assert all(script.get("src") for script in page.all("script")), url
        assert not page.all("style"), url
        for one in page.descendants():
            assert not [name for name in one.attributes if name == "style" or name.startswith(("on", "hx-on"))], url


def test_every_script_and_sheet_is_there(viewer: Client) -> None:
    page = page_of(viewer.get("/"))
    for address in [one["src"] for one in page.all("script")] + [one["href"] for one in page.all("link")]:
        assert (Path(settings.BASE_DIR) / "static" / address.removeprefix("/static/")).is_file(), address


def test_every_module_that_a_script_loads_is_there() -> None:
    scripts = Path(settings.BASE_DIR) / "static/js"
    loaded = [name for path in scripts.glob("*.js") for name in re.findall(r'import\("\./(.+?)"\)', path.read_text())]
    assert sorted({*loaded, "page.js"}) == sorted(path.name for path in scripts.glob("*.js"))


def test_every_icon_used_is_drawn(admin: Client) -> None:
    sprite = parsed((Path(settings.BASE_DIR) / "static" / "icons.svg").read_text().split("?>")[-1])
    drawn = {one["id"] for one in sprite.all("symbol")}
    for status in ("queued", "failed", "requires_action", "odd"):
        made_run(made_connection(status), status=status)
    for url in ("/", "/runs/", "/profile/"):
        used = {one["href"].split("#")[1] for one in page_of(admin.get(url)).all("use")}
        assert used <= drawn


def test_the_new_run_button_is_for_those_who_may(viewer: Client, operator: Client, settings) -> None:
    new_run = reverse("new_thread_run")
    assert not page_of(operator.get("/profile/")).all("a", href=new_run), "there is no connection to start one on"
    made_connection()
    assert not page_of(viewer.get("/profile/")).all("a", href=new_run)
    assert page_of(operator.get("/profile/")).one("a", href=new_run)
    settings.RUNSDASH_READ_ONLY = True
    page = page_of(operator.get("/profile/"))
    assert not page.all("a", href=new_run)
    assert "Read-only" in page.one("footer", class_="foot").text


def test_the_current_page_is_marked(viewer: Client) -> None:
    page = page_of(viewer.get("/runs/"))
    assert page.one("nav", class_="nav").one("a", aria_current="page").text == "Runs"
    run = made_run(made_connection(is_enabled=False))
    for path, above in ((run_url(run), "Runs"), (thread_url(run.thread), "Threads")):
        [marked] = page_of(viewer.get(path)).one("nav", class_="nav").all("a", aria_current="true")
        assert marked.text == above


@pytest.mark.parametrize("ahead_s", [2, 90, 7200])
def test_what_has_been_is_never_to_come(ahead_s: int, viewer: Client, operator: Client) -> None:
    """Clocks of two machines differ. Only what may come is said to."""
    soon = timezone.now() + timedelta(seconds=ahead_s)
    prod = made_connection(last_success_at=soon)
    made_run(prod, age_s=-ahead_s)
    made_run(prod, status="requires_action", age_s=-ahead_s)
    Run.objects.update(fetched_at=soon, status_since=soon, checked_at=LATER, has_all_steps=True)
    assert "Synced 0 s ago" in page_of(viewer.get("/runs/")).one("span", id="sync-pill").text
    run = Run.objects.filter(waits_for="").get()
    own = [f"/threads/{run.thread.upstream_id}/", f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"]
    for path in ("/", "/runs/", "/threads/", "/needs-action/", "/connections/", *own):
        ages = [one for one in page_of(operator.get(path)).all("time", data_ago=True) if one["data-ago"] != "or-in"]
        assert ages, path
        assert [one.text for one in ages if one.text.startswith("in ")] == [], path


def test_the_sync_pill(viewer: Client) -> None:
    assert page_of(viewer.get("/runs/")).one("span", id="sync-pill").text == "No connection"
    prod = made_connection(last_success_at=timezone.now())
    assert "Synced 0 s ago" in page_of(viewer.get("/runs/")).one("span", id="sync-pill").text
    prod.last_failure_at = timezone.now()
    prod.save()
    pill = page_of(viewer.get("/runs/")).one("span", id="sync-pill")
    assert pill["data-tone"] == "bad"


def test_sign_out_is_a_post(viewer: Client) -> None:
    form = page_of(viewer.get("/profile/")).one("form", action="/accounts/logout/")
    assert form["method"] == "post"
    assert form.one("input", name="csrfmiddlewaretoken")
    assert viewer.post("/accounts/logout/").status_code == 302
    assert viewer.get("/profile/").status_code == 302


def test_pages_and_fragments_are_cached_apart(viewer: Client) -> None:
    page, fragment = viewer.get("/runs/"), viewer.get("/runs/live/", headers={"HX-Request": "true"})
    for answer in (page, fragment):
        assert "HX-Request" in answer["Vary"]
    assert page["Cache-Control"] == "private, no-cache"
    assert fragment["Cache-Control"] == "no-store"


def test_times_are_in_the_readers_zone(viewer: Client) -> None:
    run = made_run(made_connection(), created_at=1_774_000_000)
    viewer.user.time_zone = "Asia/Tokyo"
    viewer.user.save()
    row = page_of(viewer.get("/runs/")).one("tr", data_run_id=run.upstream_id)
    assert "2026-03-20 18:46:40 JST" in {time["title"] for time in row.all("time")}
    viewer.user.time_zone = "Mars/Olympus"
    viewer.user.save()
    row = page_of(viewer.get("/runs/")).one("tr", data_run_id=run.upstream_id)
    assert "2026-03-20 09:46:40 UTC" in {time["title"] for time in row.all("time")}


# Problems

CASES = [
    (errors.NotFound("No thread found.", status=404, request_id="req_1"), 404),
    (errors.NoAnswer("Nothing came.", sent=True, timed_out=True), 504),
    (errors.NoAnswer("Refused.", sent=False), 502),
    (errors.Unauthorized("Bad key.", status=401), 502),
    (errors.UpstreamFailed("<b>broken</b>", status=500), 502),
    (errors.RateLimited("Slow down.", status=429), 502),
    (errors.Conflict("Busy.", status=409), 502),
    (errors.InvalidRequest("A thread id has no blanks.", param="thread_id"), 404),
    (errors.InvalidRequest("The base URL is wrong.", param="base_url"), 502),
    (NoConnection(), 404),
]


@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda one: type(one).__name__)
def test_each_error_has_its_status_and_its_words(viewer: Client, error: Exception, status: int) -> None:
    request = asked(viewer)
    problem = page_of(problem_response(request, error), status=status).one("div", data_problem=True)
    assert problem.one("h1").text
    if isinstance(error, errors.ServiceError):
        assert error.message in problem.text
        assert (error.request_id or "") in problem.text
    partials = partials_of(problem_response(asked(viewer, htmx=True), error), status=status)
    assert problem.one("h1").text in partials["#problem"].text


def test_other_errors_are_left_to_django() -> None:
    assert problem_for(ValueError("x")) is None


def test_an_unknown_address(viewer: Client, client: Client) -> None:
    assert page_of(viewer.get("/nowhere/"), status=404).one("div", data_problem="404")
    assert page_of(client.get("/nowhere/"), status=404).one("div", data_problem="404")
    assert not page_of(client.get("/nowhere/"), status=404).all("header", class_="topbar")


def test_a_form_without_its_token(viewer: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(viewer.user)
    page = page_of(strict.post("/profile/", {"theme": "dark"}), status=403)
    assert "Nothing was sent" in page.one("div", data_problem="403").text
    answer = strict.post("/profile/", {"theme": "dark"}, headers={"HX-Request": "true"})
    assert "#problem" in partials_of(answer, status=403)


def test_our_own_failure_needs_no_database(django_db_blocker) -> None:
    with django_db_blocker.block():
        page = page_of(server_error(RequestFactory().get("/")), status=500)
    assert page.one("div", data_problem="500")


def asked(client: Client, *, htmx: bool = False):
    """A request as the middleware hands it on."""
    answer = client.get("/profile/", headers={"HX-Request": "true"} if htmx else {})
    return answer.wsgi_request


PACKED = {"accept-encoding": "gzip, deflate, br"}


def test_pages_are_packed_for_who_takes_it_and_their_size_tells_no_secret(operator: Client) -> None:
    made_run(made_connection())
    answers = [operator.get("/profile/", headers=PACKED) for _ in range(12)]
    assert len({len(one.content) for one in answers}) > 1
    for one in answers:
        assert one["Content-Encoding"] == "gzip"
        assert one["Content-Length"] == str(len(one.content))
        assert "Accept-Encoding" in one["Vary"]
    plain = operator.get("/profile/")
    assert "Content-Encoding" not in plain
    assert "Accept-Encoding" in plain["Vary"]
    unpacked = gzip.decompress(answers[0].content).decode()
    assert parsed(unpacked).one("h1").text == page_of(plain).one("h1").text
    assert len(answers[0].content) < len(plain.content) / 3


@pytest.mark.parametrize(
    "answer",
    [
        StreamingHttpResponse([b"<p>" * 999], content_type="text/html"),
        HttpResponse(b"a,b\n" * 999, content_type="text/csv"),
        HttpResponse(b"data: 1\n\n" * 999, content_type="text/event-stream"),
        HttpResponse(b"<p>small"),
    ],
)
def test_streams_files_and_what_is_small_go_as_they_are(answer: HttpResponse | StreamingHttpResponse) -> None:
    before = answer.getvalue()
    got = packed(lambda _: answer)(RequestFactory().get("/", headers=PACKED))
    assert "Content-Encoding" not in got
    assert got.streaming or got.content == before
