"""The number of runs, and times of run lists, facets and run pages in one process, as JSON.

`DATABASE_URL=… python -m benchmarks.list_times` measures an index that is there.
"""

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.generate import ASSISTANTS, COMMON_PAIR, COMMON_WORD, RARE_PAIR, RARE_WORD
from benchmarks.measured import summary, times_ms

ONE = {
    "no filter": "", "status": "status:failed", "not a status": "-status:completed", "model": "model:gpt-4o",
    "assistant": f"assistant:{ASSISTANTS[2]}", "error": "error:server_error", "tool": "tool:get_stock",
    "common pair": f"metadata.{COMMON_PAIR[0]}={COMMON_PAIR[1]}", "rare pair": f"metadata.{RARE_PAIR[0]}={RARE_PAIR[1]}",
    "common word": COMMON_WORD, "rare word": RARE_WORD, "duration": "duration>10m", "status and model": "status:failed model:gpt-4o",
    "status and assistant": f"status:failed assistant:{ASSISTANTS[2]}", "last week": "created>-7d",
}  # fmt: skip
OTHER = {
    "common word and rare pair": f"{COMMON_WORD} metadata.{RARE_PAIR[0]}={RARE_PAIR[1]}",
    "rare word and status": f"{RARE_WORD} status:failed", "two common": f"{COMMON_WORD} metadata.{COMMON_PAIR[0]}={COMMON_PAIR[1]}",
    "common word, large": f"{COMMON_WORD} tokens>100k", "not a word, three more": f"-{COMMON_WORD} status:expired tokens>30k -tool:get_stock",
    "matches nothing": "status:failed duration>10m cost<0.001",
}  # fmt: skip
OF_THREADS = {
    "no filter": "", "status": "status:failed", "common word": COMMON_WORD, "rare word": RARE_WORD,
    "assistant and word": f"assistant:{ASSISTANTS[2]} {COMMON_WORD}", "runs": "runs>3",
}  # fmt: skip
SORTS = ("-created_at", "created_at", "-tokens", "cost", "-duration", "queue", "-steps")
TURNS = 12
DEEP_DAYS = (2, 27)
RUN_PAGES = 60


def main() -> None:
    from django.conf import settings
    from django.core.cache import cache
    from django.test import Client

    import runsdash.wsgi  # noqa: F401  as gunicorn serves it
    from runsdash.accounts.models import User
    from runsdash.index.models import Run
    from runsdash.index.search import facets

    settings.ALLOWED_HOSTS = ["*"]
    user, _ = User.objects.get_or_create(username="bench", defaults={"role": "operator"})
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    for _ in range(3):
        page(client, "")
    found = {f"page, {name}": timed(lambda text=text: page(client, text)) for name, text in ONE.items()}
    found |= {f"page by {sort}": timed(lambda sort=sort: page(client, "", sort=sort)) for sort in SORTS[1:]}
    found |= {
        f"page, {name}, deep": deep(client, ONE[name]) for name in ("no filter", "status", "common pair", "common word")
    }
    found |= {f"other: {name}": timed(lambda text=text: page(client, text)) for name, text in OTHER.items()}
    found |= {
        f"other: {name} by cost": timed(lambda text=text: page(client, text, sort="cost"))
        for name, text in OTHER.items()
    }

    def facet_page(text: str, path: str = "/runs/facets/", **more: str) -> None:
        facets._kept.clear()
        answered(client, path, {"q": text, **more})

    def totals(text: str) -> None:
        cache.clear()
        answered(client, "/runs/totals/", {"q": text})

    found |= {f"facets, {name}": timed(lambda text=text: facet_page(text)) for name, text in {**ONE, **OTHER}.items()}
    found |= {
        f"exact facets, {name}": timed(lambda text=text: facet_page(text, exact="1"))
        for name, text in {**ONE, **OTHER}.items()
        if name in ("status", "not a status", "common pair", "common word", "two common")
    }
    found |= {f"totals, {name}": timed(lambda text=text: totals(text)) for name, text in {**ONE, **OTHER}.items()}
    for name, text in OF_THREADS.items():
        found[f"page of threads, {name}"] = timed(lambda text=text: answered(client, "/threads/", {"q": text}))
        found[f"facets of threads, {name}"] = timed(lambda text=text: facet_page(text, "/threads/facets/"))
    typed = ("status:f", "model:", "metadata.", "metadata.tenant=tenant-1")
    found["suggestions"] = times_of(
        [lambda one=one: answered(client, "/runs/suggest/", {"q": one}) for one in typed] * TURNS
    )
    found["run, any of the month"] = times_of([lambda path=path: answered(client, path, {}) for path in run_paths()])
    print(json.dumps({"runs": Run.objects.count(), "times": found}))


def timed(call: Callable[[], object]) -> dict[str, float]:
    call()
    return times_of([call] * TURNS)


def times_of(calls: Sequence[Callable[[], object]]) -> dict[str, float]:
    """With `cpu_p50_ms` and `cpu_p95_ms` of this process, which other work on the machine disturbs least."""
    costs: list[float] = []

    def counted(call: Callable[[], object]) -> None:
        began = time.process_time()
        call()
        costs.append((time.process_time() - began) * 1000)

    found = summary(times_ms([lambda call=call: counted(call) for call in calls]))
    return found | {"cpu_p50_ms": round(statistics.median(costs), 1), "cpu_p95_ms": summary(costs)["p95_ms"]}


def page(client: object, text: str, **more: str) -> None:
    answered(client, "/runs/", {"q": text, **more})


def answered(client: object, path: str, query: dict[str, str]) -> None:
    response = client.get(path, query)
    if response.status_code != 200:
        raise RuntimeError(f"{path} {query} answered {response.status_code}")


def run_paths() -> list[str]:
    """Addresses of ended runs anywhere in the month, each once."""
    from runsdash.dashboard.shell.links import run_url
    from runsdash.index.models import Run

    dice = random.Random(7)
    keys = [int(time.time() - dice.uniform(*DEEP_DAYS) * 86400) << 30 for _ in range(RUN_PAGES)]
    rows = Run.objects.select_related("thread", "connection").filter(ended_at__isnull=False).order_by("pk")
    return list(dict.fromkeys(run_url(rows.filter(pk__gte=key)[:1].get()) for key in keys))


def deep(client: object, text: str) -> dict[str, float]:
    """Pages anywhere in the month: what a thousand pages further on cost."""
    dice = random.Random(5)
    days = [dice.uniform(*DEEP_DAYS) for _ in range(TURNS)]
    cursors = [f"after.{int(time.time() - day * 86400) << 30}" for day in days]
    return times_of([lambda cursor=cursor: page(client, text, cursor=cursor) for cursor in cursors])


if __name__ == "__main__":
    main()
