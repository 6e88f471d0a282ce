"""The panel of a run's live output and the poll that feeds it: nothing is lost, comes twice or is sent in vain."""

import time
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from runsdash.actions.live import output_rows
from runsdash.actions.live.output_rows import NewText
from runsdash.actions.models import LiveOutput, LivePiece
from runsdash.dashboard.run.live_panel import PanelState
from runsdash.index.models import Connection, Run
from runsdash.sync.refresh import refresh_run
from tests.dashboard.conftest import path_of, still
from tests.pages import Element, parsed
from tests.people import HTMX
from tests.queries import at_most

WORDS = ["Harbor", " ", "cranes\n\nlift ", "<b>boxes</b>"]


@pytest.fixture
def run(connection, start) -> Run:
    """It waits for an output, so nothing changes while it is looked at."""
    found = start("/tool get_stock", until="requires_action")
    run = refresh_run(connection, thread_id=found["thread_id"], run_id=found["id"])
    still(created_at=timezone.now() - timedelta(seconds=28))  # its time axis holds 50 s
    return run


@pytest.fixture
def live(run) -> LiveOutput:
    """Its stream, being read by somebody who has told WORDS."""
    live = output_rows.begin(run, reader="somebody")
    for at, text in enumerate(WORDS):
        say(live, text, opens=at == 0)
    return live


def say(
    live: LiveOutput, text: str, part: str = "msg_1", kind: str = "text", label: str = "Answer", opens: bool = False
) -> None:
    assert output_rows.append(live, [NewText(part=part, kind=kind, label=label, text=text, opens=opens)])


def urls(run: Run) -> dict:
    return {"thread_id": run.thread.upstream_id, "id": run.upstream_id}


class Tab:
    """A reader's page: it asks with what it has, and takes what it is given."""

    def __init__(self, client: Client, run: Run) -> None:
        self.client, page = client, parsed(client.get(path_of(urls(run))))
        self.page, self.text, self.mode = page, "", ""
        self.take(page)

    def take(self, answer: Element) -> None:
        polls, modes, panels = (answer.all(id=name) for name in ("poll", "live-mode", "live-output"))
        if polls:
            self.url, self.tag = polls[0].get("hx-get", ""), polls[0]["hx-ptag"]
        if panels:
            self.text = ""
        if panels or modes:
            self.mode = modes[0]["value"] if modes else ""
        said = [one for one in answer.all("span") if one.parent.tag == "pre"]
        said += [
            one for part in answer.all("hx-partial") if "live-text" in part["hx-target"] for one in part.all("span")
        ]
        self.text += "".join(everything(one) for one in said)

    def ask(self) -> HttpResponse:
        joined = f"{self.url}{'&' if '?' in self.url else '?'}live={self.mode}"
        answer = self.client.get(joined, headers=HTMX | {"HX-PTag": self.tag})
        if answer.status_code == 200:
            self.take(parsed(answer))
        return answer


def everything(element: Element) -> str:
    return "".join(one if isinstance(one, str) else everything(one) for one in element.children)


def targets(answer: HttpResponse) -> list[str]:
    return [one["hx-target"] for one in parsed(answer).all("hx-partial")]


def test_the_page_shows_the_text_so_far_and_asks_each_second_for_more(viewer, run, live):
    tab = Tab(viewer, run)
    assert tab.text == "".join(WORDS)
    assert tab.page.one(id="live-log")["role"] == "log"
    assert tab.page.one(id="live-log")["aria-live"] == "off"
    poll = tab.page.one(id="poll")
    assert (poll["hx-trigger"].split(",")[0], poll["hx-include"]) == ("every 1s", "#live-mode")
    assert tab.ask().status_code == 304


def test_a_poll_brings_exactly_what_came_since_and_nothing_else(viewer, run, live):
    tab = Tab(viewer, run)
    say(live, " and")
    say(live, " more")
    answer = tab.ask()
    grown, mode = targets(answer)
    assert (grown.startswith("#live-text-"), mode) == (True, "#live-mode")
    assert parsed(answer).all("hx-partial")[0]["hx-swap"] == "beforeend"
    assert tab.text == "".join(WORDS) + " and more"
    assert tab.ask().status_code == 304


def test_a_part_that_begins_brings_its_section_and_then_only_grows(viewer, run, live):
    tab = Tab(viewer, run)
    say(live, '{"sku"', part="step_1:0", kind="arguments", label="get_stock", opens=True)
    section = parsed(tab.ask()).one("section", data_part="arguments")
    assert (section.parent["hx-target"], section.one("code").text) == ("#live-parts", "get_stock")
    say(live, ': "A1"}', part="step_1:0", kind="arguments", label="get_stock")
    answer = tab.ask()
    assert parsed(answer).all("section") == []
    assert targets(answer)[0] == f"#{section.one('pre')['id']}"


def test_text_alone_costs_few_statements_and_no_upstream(viewer, run, live, upstream):
    tab = Tab(viewer, run)
    tab.ask()
    say(live, " more")
    upstream.clear_requests()
    with at_most(6):  # session, user, frame, run, who answers, pieces
        assert tab.ask().status_code == 200
    with at_most(5):
        assert tab.ask().status_code == 304
    assert upstream.requests() == []


def test_a_long_text_comes_in_bounded_answers(viewer, run, live):
    tab = Tab(viewer, run)
    extra = [LivePiece(run=run, part="msg_1", kind="text", label="Answer", text=f"{at},") for at in range(1200)]
    LivePiece.objects.bulk_create(extra)
    asked = 0
    while tab.ask().status_code == 200:
        asked += 1
    assert asked == 3
    assert tab.text == "".join(WORDS) + "".join(piece.text for piece in extra)


def test_hostile_text_stays_text(viewer, run, live):
    tab = Tab(viewer, run)
    evil = "</span></pre><script>alert(1)</script>\r\n\u202e<hx-partial hx-target='body'>"
    say(live, evil, label="<i>x</i>", part="evil", opens=True)
    html = tab.ask().content.decode()
    say(live, evil, label="<i>x</i>", part="evil")
    html += tab.ask().content.decode()
    for bad in ("<script", "<b>", "<i>", "\u202e"):
        assert bad not in html
    assert html.count("<hx-partial") == html.count("</hx-partial>")


def test_a_stream_that_nobody_reads_any_more_says_so(viewer, run, live):
    tab = Tab(viewer, run)
    LiveOutput.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
    answer = parsed(tab.ask())
    note = next(one for one in answer.all("hx-partial") if one["hx-target"] == "#live-note")
    assert note.one("strong").text == "The stream broke off."
    assert output_rows.LOST in note.one("p").text
    assert tab.ask().status_code == 304


def test_the_panel_stands_outside_of_everything_a_poll_morphs(viewer, run, live):
    tab, above = Tab(viewer, run), set()
    panel = tab.page.one(id="live-output")
    while panel.parent is not None:
        panel = panel.parent
        above.add(panel.get("id"))
    output_rows.end(live)
    morphed = {one["hx-target"].lstrip("#") for one in parsed(tab.ask()).all("hx-partial")} - {"run"}  # a shell alone
    assert not above & morphed


def test_a_page_that_has_no_panel_gets_one_when_a_stream_begins(viewer, run):
    tab = Tab(viewer, run)
    assert tab.page.all(id="live-mode") == []
    say(output_rows.begin(run, reader="somebody"), "Hello", opens=True)
    answer = tab.ask()
    assert "#live-output" in targets(answer)
    assert tab.text == "Hello"
    assert tab.ask().status_code == 304


def test_when_it_goes_on_after_an_answer_the_panel_grows_on(viewer, run, live):
    tab = Tab(viewer, run)
    output_rows.end(live)
    assert "#live-state" in targets(tab.ask())
    say(output_rows.begin(run, reader="another"), "Second answer", part="msg_2", opens=True)
    answer = parsed(tab.ask())
    assert answer.all(id="live-output") == []
    assert tab.text == "".join(WORDS) + "Second answer"
    assert "The run goes on." in [one.text for one in answer.all("p")]
    assert answer.one("span", data_reading=True)


def test_a_broken_stream_keeps_its_text_and_says_why(viewer, run, live):
    output_rows.end(live, sentence="The connection was <cut>.")
    page = parsed(viewer.get(path_of(urls(run))))
    assert "cranes" in page.one(id="live-parts").text
    assert "The connection was <cut>." in page.one(id="live-note").text


def test_once_the_run_is_settled_the_panel_goes_and_does_not_come_back(viewer, upstream, start, connection):
    found = start("hello", until="completed")
    run = settled(connection, found)
    live = output_rows.begin(run, reader="somebody")
    say(live, "Hello", opens=True)
    tab = Tab(viewer, run)
    assert tab.url  # it asks on, although the run has ended
    output_rows.end(live)

    answer = parsed(tab.ask())
    assert "hidden" in answer.one(id="live-output").attributes
    assert "hx-get" not in answer.one(id="poll").attributes
    assert parsed(viewer.get(path_of(found))).all(id="live-mode") == []


def settled(connection: Connection, found: dict) -> Run:
    """The run once all of its steps are here."""
    for _ in range(50):
        run = refresh_run(connection, thread_id=found["thread_id"], run_id=found["id"], max_age_s=0, wait_s=5)
        if run.is_settled:
            return run
        time.sleep(0.1)
    raise AssertionError("the run did not settle")


def test_pages_of_an_older_version_are_told_to_stop(client, viewer, nobody, upstream, run):
    path = path_of(urls(run), "stream/")
    assert (viewer.get(path).status_code, viewer.get(path).content) == (204, b"")
    assert client.get(path, headers=HTMX)["HX-Redirect"]
    assert nobody.get(path).status_code == 403
    assert viewer.post(path).status_code == 405
    for mode in ("s1", "-"):
        answer = viewer.get(path_of(urls(run), f"live/?live={mode}"), headers=HTMX)
        assert answer.status_code == 200


@pytest.mark.parametrize("text", ["p81-2-ended", "p0-1-reading"])
def test_a_state_of_the_panel_comes_back_as_it_went(text: str) -> None:
    assert str(PanelState.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "-", "s1", "p1-2", "p1-2-", "x-1-reading", "p٣-1-ended", "p1-1-ended ", "p1-1-ended-", "p" + "9" * 62]
)
def test_what_is_no_state_is_a_page_without_a_panel(text: str) -> None:
    assert PanelState.parse(text) is None
