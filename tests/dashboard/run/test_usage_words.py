"""What a run page says of tokens and cost, whichever counts the server gave and wherever the price is from."""

import pytest
from django.test import Client

from runsdash.index.models import Run
from tests.dashboard.run.test_tool_types import call_of, opened, page_of
from tests.pages import Element
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
COUNTS = {"prompt_tokens": 1200, "completion_tokens": 30, "total_tokens": 1230}


def facts(page: Element) -> dict[str, str]:
    groups = [group for group in page.one(id="run-facts").all("div") if len(group.all("dt")) == 1]
    return {group.one("dt").text: group.one("dd").text for group in groups}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["prompt_tokens"], "1,200 prompt; completion and total not reported"),
        (["completion_tokens"], "30 completion; prompt and total not reported"),
        (["total_tokens"], "1,230 total; prompt and completion not reported"),
        (["prompt_tokens", "total_tokens"], "1,200 prompt, 1,230 total; completion not reported"),
    ],
)
def test_one_count_is_not_no_report(names: list[str], words: str, viewer: Client) -> None:
    usage = {name: COUNTS[name] for name in names}
    run = made_run(made_connection(), usage=usage)
    page = page_of(viewer, run, call_of("openapi"), usage=usage)
    assert facts(page)["Tokens"] == words
    assert facts(page)["Cost"] == "unknown: not all tokens reported"
    assert words in page.one(id="step-panel").one("dl").text


@pytest.mark.parametrize(
    ("model", "cached", "words"),
    [
        ("gpt-4o", 0, "estimate at list price"),
        ("gpt-4o", 100, "estimate at list price"),
        ("gpt-4-0125-preview", 100, "estimate at list price; none known for cached tokens"),
        ("of-ours", 100, "estimate at your own price; none known for cached tokens"),
        ("claude-sonnet-4-5-batch", 0, "estimate at full list price, a batch may cost less"),
        ("nobody-s", 0, "no price known"),
    ],
)
def test_a_cost_says_at_what_price(model: str, cached: int, words: str, viewer: Client, settings) -> None:
    settings.RUNSDASH_PRICES = {"of-ours": (1.0, 1.0)}
    usage = COUNTS | {"prompt_token_details": {"cached_tokens": cached}}
    run = made_run(made_connection(), model=model, usage=usage)
    assert Run.objects.get().cached_tokens == cached
    assert facts(opened(viewer, run))["Cost"].endswith(words)
