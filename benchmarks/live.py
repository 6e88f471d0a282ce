"""Viewers that poll the delivered server, alone and beside slow clients, and the threaded worker it is compared with.

Goals: no poll fails or waits longer than twice its interval; slow clients keep nobody waiting, the probe of health neither.
The load is made by one process of its own kind; what it took itself is told.
"""

import asyncio
import html
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks import dataset
from benchmarks.measured import percentile, table
from benchmarks.servers import Web

SECONDS, SLOW = 15.0, 100
CROWDS = {"200 viewers, each 2 s": (200, 2.0), "1,000 viewers, each 10 s": (1000, 10.0)}
BESIDE = "200 viewers beside 200 slow clients"
THREADED = ("--worker-class", "gthread")
HALF_HEAD = "GET /runs/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
HALF_BODY = "POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000\r\n\r\n"


@dataclass
class Heard:
    """What came of one crowd."""

    waits_ms: list[float] = field(default_factory=list)
    failed: int = 0


def measure() -> dict[str, object]:
    environment = dataset.environment_of(dataset.index_of())
    found: dict[str, object] = {}
    for server, flags in {"delivered": (), "gthread": THREADED}.items():
        with Web(environment=environment, flags=flags) as web:
            head = poll_head(web)
            for name, (viewers, interval_s) in CROWDS.items():
                found[f"{server}, {name}"] = crowd(web, head, viewers, interval_s)
            found[f"{server}, {BESIDE}"] = crowd(web, head, 200, 2.0, slow=SLOW)
    return found


def poll_head(web: Web) -> str:
    """The request of the run list's poll, as its page sends it."""
    _, body = web.reader.get("/runs/")
    poller = re.search(r'<\w+[^>]*id="poll"[^>]*>', body.decode())[0]
    address, tag = (html.unescape(re.search(rf'{name}="([^"]+)"', poller)[1]) for name in ("hx-get", "hx-ptag"))
    cookies = "; ".join(f"{name}={value}" for name, value in web.reader.cookies.items())
    lines = [f"GET {address} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: {cookies}", "HX-Request: true", f"HX-PTag: {tag}"]
    return "\r\n".join([*lines, "", ""])


def crowd(web: Web, head: str, viewers: int, interval_s: float, *, slow: int = 0) -> dict[str, float]:
    before, own_before = web.processor_s(), time.process_time()
    polls, probes = asyncio.run(gathered(web.port, head, viewers, interval_s, slow))
    used, own = web.processor_s() - before, time.process_time() - own_before
    waits, probe_waits = sorted(polls.waits_ms), sorted(probes.waits_ms)
    return {
        "n": len(waits),
        "p50_ms": round(percentile(waits, 0.5)),
        "p95_ms": round(percentile(waits, 0.95)),
        "failed": polls.failed + probes.failed,
        "late": sum(wait > 2000 * interval_s for wait in waits),
        "probe_max_ms": round(probe_waits[-1]) if probe_waits else None,
        "cores": round(used / SECONDS, 2),
        "cpu_ms": round(used * 1000 / len(waits), 1),
        "cores_of_load": round(own / SECONDS, 2),
    }


async def gathered(port: int, head: str, viewers: int, interval_s: float, slow: int) -> tuple[Heard, Heard]:
    until, polls, probes = time.monotonic() + SECONDS, Heard(), Heard()
    probe = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    tasks = [drip(port, half, until) for half in (HALF_HEAD, HALF_BODY) for _ in range(slow)]
    tasks += [view(port, head, interval_s, interval_s * at / viewers, until, polls) for at in range(viewers)]
    await asyncio.gather(*tasks, view(port, probe, 0.5, 1.0, until, probes))
    return polls, probes


async def view(port: int, head: str, interval_s: float, delay_s: float, until: float, heard: Heard) -> None:
    """Asks at each interval over one connection, until the time is over."""
    await asyncio.sleep(delay_s)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.monotonic()) < until:
        try:
            writer.write(head.encode())
            status = await asyncio.wait_for(answered(reader), 60)
            heard.failed += status not in (200, 304)
            heard.waits_ms.append((time.monotonic() - began) * 1000)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            heard.failed += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(max(0.0, began + interval_s - time.monotonic()))
    writer.close()


async def answered(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if length := re.search(rb"content-length: (\d+)", head):
        await reader.readexactly(int(length[1]))
    while b"transfer-encoding: chunked" in head:
        size = int(await reader.readline(), 16)
        await reader.readexactly(size + 2)
        if not size:
            break
    return int(head[9:12])


async def drip(port: int, half: str, until: float) -> None:
    """Sends half a request, then a byte a second; begins anew when it is closed."""
    while time.monotonic() < until:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(half.encode())
            while time.monotonic() < until and not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1024), 1)
            writer.close()
        await asyncio.sleep(0.1)


def report(found: dict[str, dict]) -> str:
    names = ("p50_ms", "p95_ms", "late", "failed", "probe_max_ms", "cores", "cpu_ms", "cores_of_load")
    rows = [(name, *(str(one[key]) for key in names)) for name, one in found.items()]
    head = ("", "p50 ms", "p95 ms", "late", "failed", "probe max ms", "cores", "ms a poll", "cores of the load")
    return table(rows, head)
