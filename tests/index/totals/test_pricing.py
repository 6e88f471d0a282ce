"""What runs cost: by list price at their time, by own prices, and not at all where no price is known."""

import json
import threading
import time
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from runsdash.index.models import Run, RunSums
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.index.totals.pricing import MODELS_KEPT, cost_of, listed_model, listed_tariff, price_facts
from runsdash.index.totals.repricing import reprice
from runsdash.index.totals.thread_totals import recount
from runsdash.service import objects
from tests.rows import made_connection, made_run, made_runs, roll_all_up, run_object
from tests.test_settings import KEY, manage

SUMMER = datetime(2025, 7, 1, tzinfo=UTC)


def cost(model: str, *, kind: str = "openai", at: datetime = SUMMER, prompt: int | None = 1_000_000, completion=0):
    return cost_of(model=model, kind=kind, created_at=at, prompt_tokens=prompt, completion_tokens=completion)


def test_tokens_at_their_price() -> None:
    assert cost("gpt-4o", prompt=12_000, completion=608) == pytest.approx(12_000 * 2.5e-6 + 608 * 1e-5)
    assert cost("gpt-4o", prompt=0) == 0


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "o3", "gpt-5.4", "claude-sonnet-4-5"])
def test_cached_tokens_have_their_own_price(model: str) -> None:
    def of(cached: int | None) -> float:
        given = {"model": model, "kind": "openai", "created_at": SUMMER, "prompt_tokens": 1000, "completion_tokens": 0}
        return cost_of(**given, cached_tokens=cached)

    assert of(None) == of(0) > of(500) > of(1000) > 0
    assert of(5000) == of(1000)  # more than there are
    assert of(500) == pytest.approx((of(0) + of(1000)) / 2)


def test_without_a_price_for_cached_tokens_they_cost_as_others(settings) -> None:
    settings.RUNSDASH_PRICES = {"plain": (3.0, 5.0), "cached": (3.0, 5.0, 1.0)}
    given = {"kind": "openai", "created_at": SUMMER, "prompt_tokens": 1_000_000, "completion_tokens": 0}
    assert cost_of(model="plain", **given, cached_tokens=500_000) == 3
    assert cost_of(model="cached", **given, cached_tokens=500_000) == 2


def test_a_price_says_where_it_is_from(settings) -> None:
    settings.RUNSDASH_PRICES = {"own": (3.0, 5.0)}
    models = {"own": "own", "gpt-4o": "list", "claude-sonnet-4-5-batch": "full"}
    assert {one: price_facts(one, kind="openai", created_at=SUMMER).source for one in models} == models


def usage(cached: int | None, **fields: object) -> dict:
    details = {} if cached is None else {"prompt_token_details": {"cached_tokens": cached}}
    return {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000} | details | fields


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["prompt_token_details", "prompt_tokens_details", "input_tokens_details"])
def test_each_way_to_a_row_counts_cached_tokens(name: str, tmp_path) -> None:
    full = made_run(made_connection(), usage=usage(None)).cost
    given = usage(None) | {name: {"cached_tokens": 1000}}
    run = made_run(made_connection("seen"), usage=given)
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(run_object(id="run_imported", usage=given)))
    made_connection("imported")
    call_command("import_runs", str(path), connection="imported")
    for one in (run, Run.objects.get(upstream_id="run_imported")):
        assert (one.cached_tokens, one.cost) == (1000, pytest.approx(full / 2)), one


@pytest.mark.django_db
def test_runs_of_earlier_versions_are_priced_by_their_cached_tokens(capsys) -> None:
    """Sums stay those of the runs."""
    run = made_run(made_connection(), usage=usage(1000))
    right = run.cost
    Run.objects.update(cached_tokens=None, cost=right * 2)
    recount([run.thread_id])
    call_command("reprice_runs")
    run.refresh_from_db()
    run.thread.refresh_from_db()
    roll_all_up()
    assert (run.cached_tokens, run.cost, run.thread.cost) == (1000, right, right)
    assert RunSums.objects.filter(hours=24).aggregate(cost=Sum("cost"))["cost"] == right


def test_the_price_is_that_of_the_run_s_time() -> None:
    assert cost("o3", at=datetime(2025, 6, 1, tzinfo=UTC)) == 5 * cost("o3", at=SUMMER)


def test_tiers() -> None:
    """Above a number of prompt tokens all of them cost more."""
    assert cost("gpt-5.4", prompt=300_000) > 1.5 * 3 * cost("gpt-5.4", prompt=100_000)


def test_names_of_other_providers_and_of_azure() -> None:
    assert cost("claude-sonnet-4-5", prompt=100_000) == pytest.approx(0.3)
    assert cost("gpt-35-turbo", kind="azure-openai") == pytest.approx(0.5)


@pytest.mark.parametrize("model", ["", "my-deployment", "x" * 200, "text-embedding-3-small", "\ufffd", "a\nb"])
def test_no_price_is_none_and_never_zero(model: str) -> None:
    assert cost(model) is None


def test_without_usage_there_is_no_cost() -> None:
    assert cost("gpt-4o", prompt=None) is None
    assert cost("gpt-4o", completion=None) is None


def test_own_prices_win(settings) -> None:
    settings.RUNSDASH_PRICES = {"my-deployment": (3.0, 5.0), "gpt-4o": (0.0, 0.0)}
    assert cost("My-Deployment", completion=1_000_000) == 8
    assert cost("gpt-4o") == 0


def test_names_that_never_end_take_no_memory() -> None:
    for number in range(MODELS_KEPT + 50):
        assert cost(f"model-{number}", prompt=1) is None
    assert listed_model.cache_info().currsize <= MODELS_KEPT
    assert listed_tariff.cache_info().maxsize is not None


@pytest.mark.django_db
def test_a_run_is_priced_as_it_arrives() -> None:
    prod = made_connection()
    assert made_run(prod).cost == pytest.approx(0.03608)
    assert made_run(prod, model="llama-of-ours").cost is None
    assert made_run(prod, status="in_progress", usage=None).cost is None
    run = made_run(prod)
    run.thread.refresh_from_db()
    assert run.thread.cost == pytest.approx(0.03608)


def test_own_prices_come_from_the_environment() -> None:
    code = "from django.conf import settings; print(settings.RUNSDASH_PRICES)"
    given = json.dumps({"My-Model": {"input": 1, "output": 2.5}})
    ended = manage("shell", "-v", "0", "-c", code, SECRET_KEY=KEY, RUNSDASH_PRICES=given)
    assert ended.stdout.strip() == "{'my-model': (1.0, 2.5)}", ended.stderr


@pytest.mark.parametrize(
    "given", ["[", "[]", '{"a": 1}', '{"a": {"input": 1}}', '{"a": {"input": -1, "output": 1}}',
              '{"a": {"input": "1", "output": 1}}', '{"a": {"input": NaN, "output": 1}}']
)  # fmt: skip
def test_own_prices_that_cannot_be_read_are_refused(given: str) -> None:
    ended = manage("check", SECRET_KEY=KEY, RUNSDASH_PRICES=given)
    assert ended.returncode != 0
    assert 'RUNSDASH_PRICES has to be JSON like {"my-deployment"' in ended.stderr.strip().splitlines()[-1]


@pytest.mark.django_db
def test_runs_are_priced_again_after_prices_changed(settings, capsys) -> None:
    prod = made_connection()
    runs = [made_run(prod, model="of-ours"), made_run(prod), made_run(made_connection("other"), model="of-ours")]
    settings.RUNSDASH_PRICES = {"of-ours": (1000.0, 0.0)}
    call_command("reprice_runs")
    assert "3 runs looked at, 2 costs changed" in capsys.readouterr().out
    for run in runs:
        run.refresh_from_db()
        run.thread.refresh_from_db()
    assert [run.cost for run in runs] == [12, pytest.approx(0.03608), 12]
    assert [run.thread.cost for run in runs] == [run.cost for run in runs]
    assert RunSums.objects.filter(hours=24, model="of-ours").aggregate(cost=Sum("cost"))["cost"] == 24
    call_command("reprice_runs")
    assert "3 runs looked at, 0 costs changed" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_runs_are_priced_while_others_take_snapshots_of_them(settings) -> None:
    prod = made_connection()
    runs = made_runs(prod, 3, model="of-ours", thread_id="thread_of_all")
    settings.RUNSDASH_PRICES = {"of-ours": (1000.0, 0.0)}
    failures: list[BaseException] = []

    def price() -> None:
        try:
            list(reprice())
        except Exception as error:  # noqa: BLE001 told below
            failures.append(error)
        database.close()

    pricing = threading.Thread(target=price)
    with transaction.atomic():
        ensure_threads(prod, ["thread_of_all"])
        pricing.start()
        time.sleep(0.3)  # it waits for the thread now, and must hold no run that is taken next
        again = [
            objects.Run.from_raw(run_object(id=run.upstream_id, thread_id="thread_of_all", model="of-ours"))
            for run in runs
        ]
        upsert_runs(prod, again, fetched_at=timezone.now())
    pricing.join(10)
    assert failures == []
    for run in runs:
        run.refresh_from_db()
    assert [run.cost for run in runs] == [12, 12, 12]
