"""The stream of a run's live output and the panel it feeds: nothing is lost, comes twice or loops."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from runsdash.actions.live import output_rows
from runsdash.actions.live.output_rows import NewText
from runsdash.actions.models import LiveOutput, LivePiece
from runsdash.dashboard.run.live_panel import NO_PANEL, PanelMode
from runsdash.dashboard.run.live_stream import ViewerStream, message
from runsdash.dashboard.run.stream_viewers import has_place, take_place
from runsdash.index.models import Connection, Run
from runsdash.service.sse import frames
from runsdash.sync.refresh import refresh_run
from tests.dashboard.conftest import path_of
from tests.pages import Element, parsed
from tests.people import HTMX

WORDS = ["Harbor", " ", "cranes\n\nlift ", "<b>boxes</b>"]


@pytest.fixture
def run(connection, start) -> Run:
    """It waits for an output, so nothing changes while it is looked at."""
    found = start("/tool get_stock", until="requires_action")
    return refresh_run(connection, thread_id=found["thread_id"], run_id=found["id"])


@pytest.fixture
def live(run) -> LiveOutput:
    """Its stream, being read by somebody who has told WORDS."""
    live = output_rows.begin(run, reader="somebody")
    for text in WORDS:
        say(live, text)
    return live


@pytest.fixture(autouse=True)
def every_place_is_free_again() -> Iterator[None]:
    yield
    assert has_place()


def say(live: LiveOutput, text: str, part: str = "msg_1", kind: str = "text", label: str = "Answer") -> None:
    assert output_rows.append(live, [NewText(part=part, kind=kind, label=label, text=text)])


def urls(run: Run) -> dict:
    return {"thread_id": run.thread.upstream_id, "id": run.upstream_id}


def watch(client: Client, run: Run, more: str = "", **headers: str) -> list[tuple[str, str, str]]:
    """The whole stream as (id, event, data)."""
    response = client.get(path_of(urls(run), f"stream/{more}"), headers=headers)
    assert response.status_code == 200
    return events_in(b"".join(response.streaming_content).decode())


def events_in(told: str) -> list[tuple[str, str, str]]:
    found = []
    for frame in told.split("\n\n")[:-1]:
        lines = [line.partition(": ")[::2] for line in frame.split("\n") if not line.startswith(":")]
        if lines:
            fields = dict(lines)
            data = "\n".join(value for name, value in lines if name == "data")
            found.append((fields.get("id", ""), fields.get("event", ""), data))
    return found


def text_in(events: list[tuple[str, str, str]]) -> str:
    """The text that lands in the page's parts, white space and all."""
    html = "".join(data for _, event, data in events if not event)
    said = [one for one in parsed(html).all("span") if one.parent.tag == "pre"]
    said += [
        one for part in parsed(html).all("hx-partial") if "live-text" in part["hx-target"] for one in part.all("span")
    ]
    return "".join(everything(one) for one in said)


def everything(element: Element) -> str:
    return "".join(one if isinstance(one, str) else everything(one) for one in element.children)


def ended(live: LiveOutput) -> None:
    output_rows.end(live)


# The stream


def test_it_tells_everything_and_ends_for_good(viewer, run, live):
    ended(live)
    events = watch(viewer, run)
    assert text_in(events).startswith("".join(WORDS))
    assert [event for _, event, _ in events][-2:] == ["run-changed", "done"]
    assert all(data for _, event, data in events if event)


def test_headers(viewer, run, live):
    ended(live)
    response = viewer.get(path_of(urls(run), "stream/"))
    list(response.streaming_content)
    assert response["Content-Type"] == "text/event-stream"
    assert response["X-Accel-Buffering"] == "no"
    assert "no-" in response["Cache-Control"]
    assert "Content-Encoding" not in response


@pytest.mark.parametrize("seen", range(len(WORDS) + 1))
def test_who_comes_back_gets_exactly_the_rest(viewer, run, live, seen):
    ended(live)
    keys = [0, *LivePiece.objects.filter(run=run).order_by("id").values_list("id", flat=True)]
    for events in (
        watch(viewer, run, f"?after={keys[seen]}"),
        watch(viewer, run, "?after=0", **({"Last-Event-ID": str(keys[seen])} if seen else {})),
    ):
        assert "".join(WORDS[:seen]) + text_in(events) == "".join(WORDS)


def test_the_id_is_that_of_the_last_piece_told(viewer, run, live):
    ended(live)
    ids = [key for key, event, _ in watch(viewer, run) if key and not event]
    assert ids == [str(LivePiece.objects.filter(run=run).latest("id").pk)]


@pytest.mark.parametrize("nonsense", ["-1", "x", "9" * 40, "", "\u0663"])
def test_nonsense_for_an_id_means_from_the_start(viewer, run, live, nonsense):
    ended(live)
    assert text_in(watch(viewer, run, f"?after={nonsense}")).startswith("".join(WORDS))


def html_of(message: str) -> Element:
    ((_, _, data),) = events_in(message)
    return parsed(data)


def test_a_part_that_begins_brings_its_section_and_then_only_grows(run, live):
    place = take_place()
    viewing = ViewerStream(run, after=0, place=place)
    next(viewing)
    first = html_of(next(viewing))
    say(live, '{"sku"', part="step_1:0", kind="arguments", label="get_stock")
    second = html_of(next(viewing))
    say(live, ': "A1"}', part="step_1:0", kind="arguments", label="get_stock")
    third = html_of(next(viewing))
    viewing.close()

    assert first.one("section", data_part="text").parent["hx-target"] == "#live-parts"
    section = second.one("section", data_part="arguments")
    assert section.one("code").text == "get_stock"
    assert third.all("section") == []
    (grown,) = third.all("hx-partial")
    assert grown["hx-target"] == f"#{section.one('pre')['id']}"
    assert grown["hx-swap"] == "beforeend"


def test_hostile_text_stays_text(viewer, run, live):
    say(
        live,
        "</span></pre><script>alert(1)</script>\r\n\u202e<hx-partial hx-target='body'>",
        label="<i>x</i>",
        part="evil",
    )
    ended(live)
    html = "".join(data for _, event, data in watch(viewer, run) if not event)
    assert "<script" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "\u202e" not in html
    assert html.count("<hx-partial") == html.count("</hx-partial>")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_end_in_a_text_or_name_begins_no_field(end):
    hostile = end.join(["a", "event: done", "data: 1", "", "id: 99", "retry: 1", "b"])
    ((name, lines),) = frames([message(hostile, key=3).encode()])
    assert (name, lines) == (None, hostile.split(end))


def test_it_pings_and_closes_after_its_time_without_ending_for_good(run, live):
    viewing = ViewerStream(run, after=0, place=take_place(), open_for_s=0.4)
    told = "".join(viewing)
    viewing.close()
    assert told.startswith(": ping")
    assert "done" not in told


def test_a_stream_that_nobody_reads_any_more_ends_with_a_sentence(viewer, run, live):
    LiveOutput.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
    html = "".join(data for _, event, data in watch(viewer, run) if not event)
    assert parsed(html).one("strong").text == "The stream broke off."
    assert output_rows.LOST in parsed(html).one("p").text


def test_a_run_without_a_stream_ends_at_once(viewer, run):
    assert [event for _, event, _ in watch(viewer, run)] == ["run-changed", "done"]


# Places


def test_without_a_place_the_page_is_told_to_poll(settings, viewer, run, live):
    settings.STREAM_VIEWERS_MAX = 1
    taken = ViewerStream(run, after=0, place=take_place())
    events = watch(viewer, run)
    field = parsed(events[0][2]).one("input", id="live-mode")
    assert [event for _, event, _ in events] == ["", "run-changed", "done"]
    assert text_in(events) == ""
    panel = parsed(poll(viewer, run, field["value"]))
    assert "Harbor" in panel.one(id="live-parts").text
    assert panel.one(id="live-source").get("hx-sse:connect") is None

    taken.close()  # was never read: its place is free all the same
    ended(live)
    assert text_in(watch(viewer, run))


def test_a_page_made_when_all_places_are_taken_polls(settings, viewer, run, live):
    settings.STREAM_VIEWERS_MAX = 0
    page = parsed(viewer.get(path_of(urls(run))))
    assert page.one(id="live-source").get("hx-sse:connect") is None
    assert page.one(id="poll")["hx-trigger"].startswith("every 2s")
    mode = page.one(id="live-mode")["value"]
    tag = page.one(id="poll")["hx-ptag"]
    assert viewer.get(live_path(page, mode), headers=HTMX | {"HX-PTag": tag}).status_code == 304

    say(live, " and more")
    settings.STREAM_VIEWERS_MAX = 4  # a place got free meanwhile: this page stays as it is
    answer = parsed(viewer.get(live_path(page, mode), headers=HTMX | {"HX-PTag": tag}))
    assert answer.one(id="live-output").parent["hx-swap"] == "outerMorph"
    assert answer.one(id="live-parts").text.endswith("and more")
    settings.STREAM_VIEWERS_MAX = 4


# The panel and the poll


def live_path(page: Element, mode: str) -> str:
    url = page.one(id="poll")["hx-get"]
    return f"{url}{'&' if '?' in url else '?'}live={mode}"


def poll(client: Client, run: Run, mode: str) -> HttpResponse:
    return client.get(path_of(urls(run), f"live/?live={mode}"), headers=HTMX)


def test_the_page_shows_the_text_so_far_and_streams_the_rest(viewer, run, live):
    page = parsed(viewer.get(path_of(urls(run))))
    assert everything(page.one("pre", class_="said")) == "".join(WORDS)
    assert page.one(id="live-log")["role"] == "log"
    assert page.one(id="live-log")["aria-live"] == "off"
    source = page.one(id="live-source")
    assert source["hx-sse:close"] == "done"
    say(live, " The end.")
    ended(live)
    rest = re.search(r"\?after=\d+$", source["hx-sse:connect"])[0]
    assert text_in(watch(viewer, run, rest)).startswith(" The end.")


def test_the_source_stands_outside_of_everything_a_poll_morphs(viewer, run, live):
    page = parsed(viewer.get(path_of(urls(run))))
    source, above = page.one(id="live-source"), set()
    while source.parent is not None:
        source = source.parent
        above.add(source.get("id"))
    swapped = {one["hx-target"].lstrip("#") for one in parsed(poll(viewer, run, "")).all("hx-partial")}
    assert not above & (swapped - {"live-source"})


def test_a_poll_leaves_a_panel_alone_that_grows_by_itself(viewer, run, live):
    page = parsed(viewer.get(path_of(urls(run))))
    mode, tag = page.one(id="live-mode")["value"], page.one(id="poll")["hx-ptag"]
    assert (mode, page.one(id="poll")["hx-include"]) == ("s1", "#live-mode")
    say(live, " more")
    assert viewer.get(live_path(page, mode), headers=HTMX | {"HX-PTag": tag}).status_code == 304
    for _ in range(2):
        assert parsed(poll(viewer, run, mode)).all(id="live-output") == []
    ended(live)
    assert parsed(poll(viewer, run, mode)).all(id="live-output") == []


def test_a_page_that_has_no_panel_gets_one_when_a_stream_begins(viewer, run):
    page = parsed(viewer.get(path_of(urls(run))))
    assert page.all(id="live-mode") == []
    live = output_rows.begin(run, reader="somebody")
    say(live, "Hello")
    answer = parsed(viewer.get(live_path(page, ""), headers=HTMX | {"HX-PTag": page.one(id="poll")["hx-ptag"]}))
    assert answer.one(id="live-mode")["value"] == "s1"
    assert answer.one(id="live-source")["hx-sse:connect"]


@pytest.mark.parametrize("mode", ["s1", "p2-1-ended", "-"])
def test_when_it_goes_on_after_an_answer_the_panel_connects_anew_with_all_text(viewer, run, live, mode):
    ended(live)
    say(output_rows.begin(run, reader="another"), "Second answer", part="msg_2")
    answer = parsed(poll(viewer, run, mode))
    if mode == "-":  # turned away from the segment that goes on now
        assert answer.one(id="live-source").get("hx-sse:connect") is None
    else:
        assert answer.one(id="live-mode")["value"] == "s2"
        assert answer.one(id="live-output").parent["hx-swap"] == "outerHTML"
    shown = answer.one(id="live-parts").text
    assert shown.index("Harbor") < shown.index("The run goes on.") < shown.index("Second answer")


def test_a_broken_stream_keeps_its_text_and_says_why(viewer, run, live):
    output_rows.end(live, sentence="The connection was <cut>.")
    page = parsed(viewer.get(path_of(urls(run))))
    assert "cranes" in page.one(id="live-parts").text
    assert "The connection was <cut>." in page.one(id="live-note").text
    assert page.one(id="live-source").get("hx-sse:connect") is None


def test_once_the_run_is_settled_the_panel_goes_and_does_not_come_back(viewer, upstream, start, connection):
    found = start("hello", until="completed")
    run = settled(connection, found)
    live = output_rows.begin(run, reader="somebody")
    say(live, "Hello")
    page = parsed(viewer.get(path_of(found)))
    assert page.one(id="live-source")["hx-sse:connect"]
    assert page.one(id="poll")["hx-get"]  # asks on, although the run has ended
    ended(live)

    answer = parsed(poll(viewer, run, page.one(id="live-mode")["value"]))
    assert "hidden" in answer.one(id="live-output").attributes
    assert answer.one(id="live-source").get("hx-sse:connect") is None
    assert parsed(poll(viewer, run, "")).all(id="live-output") == []
    assert parsed(viewer.get(path_of(found))).all(id="live-mode") == []


def settled(connection: Connection, found: dict) -> Run:
    """The run once all of its steps are here."""
    for _ in range(50):
        run = refresh_run(connection, thread_id=found["thread_id"], run_id=found["id"], max_age_s=0, wait_s=5)
        if run.is_settled:
            return run
        time.sleep(0.1)
    raise AssertionError("the run did not settle")


# Who may


def test_guards_unknown_run_and_wrong_method(client, viewer, nobody, upstream, run):
    path = path_of(urls(run), "stream/")
    assert client.get(path).status_code == 302
    assert client.get(path, headers=HTMX)["HX-Redirect"]
    assert nobody.get(path).status_code == 403
    assert viewer.post(path).status_code == 405
    assert viewer.get(path_of(urls(run) | {"id": "run_nowhere"}, "stream/")).status_code == 404


@pytest.mark.parametrize("text", ["", "-", "s2", "p81-2-ended", "p0-1-reading"])
def test_a_mode_of_the_panel_comes_back_as_it_went(text: str) -> None:
    assert str(PanelMode.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["s", "s-1", "s²", "p1-2", "p1-2-", "x-1-reading", "p٣-1-ended", "s1 ", "p1-1-ended-", "p" + "9" * 62]
)
def test_what_is_no_mode_is_a_page_without_a_panel(text: str) -> None:
    assert PanelMode.parse(text) == NO_PANEL
