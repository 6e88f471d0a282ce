"""Whole requests that are hostile, large or dear, asked again and again by a few threads until they are told to stop."""

import gzip
import http.client
import json
import socket
import threading
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import quote, urlencode

from tests.hostile import HOSTILE
from tests.hostile_many import MANY
from tests.hostile_own import lines_of
from tests.hostile_rows import message_object

ANSWER_S = 15
MB = 1024 * 1024
CSRF = "a" * 32
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Ask:
    """A request: without a body a GET."""

    path: str
    body: bytes | None = None
    kind: str = FORM
    token: str = ""


@dataclass
class Askers:
    """`with Askers(...)` asks; `heard` counts statuses by kind (None: no answer in time), `failed` names errors.

    `every` are the requests of each kind, gone round in turn by a thread of its own.
    """

    port: int
    cookies: str
    every: dict[str, list[Ask]]
    most: int = 400  # of each kind
    answer_s: float = ANSWER_S
    heard: Counter = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self.wires: set[http.client.HTTPConnection] = set()
        self.threads = [threading.Thread(target=self.go, args=one, daemon=True) for one in self.every.items()]

    def __enter__(self) -> "Askers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for wire in list(self.wires):
            hang_up(wire)
        for thread in self.threads:
            thread.join(timeout=2 * ANSWER_S)
            assert not thread.is_alive(), "an asker does not end"

    def go(self, name: str, asks: list[Ask]) -> None:
        for _, ask in zip(range(self.most), cycle(asks), strict=False):
            if self.stop.is_set():
                return
            self.heard[name, self.ask(ask)] += 1

    def ask(self, ask: Ask) -> int | None:
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.answer_s)
        self.wires.add(wire)
        try:
            wire.request("GET" if ask.body is None else "POST", ask.path, ask.body, self.headers(ask))
            answer = wire.getresponse()
            for _ in iter(lambda: answer.read(MB), b""):
                if self.stop.is_set():
                    break
            if answer.status >= 500:
                self.failed.append(f"{answer.status} {ask.path[:200]}")
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self.wires.discard(wire)
            wire.close()

    def headers(self, ask: Ask) -> dict[str, str]:
        if ask.token:
            return {"Authorization": f"Bearer {ask.token}", "Content-Type": ask.kind}
        return {"Cookie": self.cookies, "Referer": f"http://127.0.0.1:{self.port}", "X-CSRFToken": CSRF} | (
            {} if ask.body is None else {"Content-Type": ask.kind}
        )


def hang_up(wire: http.client.HTTPConnection) -> None:
    """Whoever waits for an answer there goes on at once."""
    try:
        wire.sock.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError):
        return


def texts() -> list[str]:
    """Hostile ones that can go into an address."""
    every = [text for _, text in HOSTILE] + MANY
    return [text.encode("utf-8", "replace").decode()[:2000] for text in every]


def hostile_texts(run: dict, token: str) -> list[Ask]:
    paths = ("/runs/?q=", "/search/?q=", "/go/?id=", "/threads/?q=", "/runs/suggest/?q=", "/audit/?q=")
    asks = [Ask((path + quote(text))[:7000]) for text, path in zip(texts(), cycle(paths), strict=False)]
    notes = [
        Ask(f"/threads/{run['thread_id']}/runs/{run['id']}/notes/", urlencode({"text": text}).encode())
        for text in texts()[::20]
    ]
    sent = [
        Ask("/ingest/sent/", lines_of(f"h{at}", MANY[at : at + 9]).encode(), "application/json", token)
        for at in (0, 9, 18)
    ]
    return [one for each in zip(asks, cycle(notes), cycle(sent), strict=False) for one in each]


def dear_filters() -> list[Ask]:
    words = " ".join(f"w{number}*" for number in range(200))
    asks = [
        words, "-parcel " * 150, "parcel OR van " * 60, "text:" + "(a+)+$" * 100, "* " * 400, '"every parcel of the evening van" ' * 30,
        "metadata.a:b " * 100, "parcel -evening status:completed,failed duration:>0 tokens:>=0 " * 20, "%" * 900 + "_" * 900, "e",
    ]  # fmt: skip
    pages = [
        "/runs/?q={q}", "/runs/?q={q}&sort=tokens&order=asc&facets=1", "/runs/totals/?q={q}", "/runs/facets/?q={q}", "/search/?q={q}", "/threads/?q={q}",
    ]  # fmt: skip
    deep = [
        f"/runs/?after={quote(cursor)}&sort=-tokens"
        for cursor in ("9" * 500, "1.0~", "eyJ" * 300, "-1", "2000-01-01T00:00:00Z,1")
    ]
    found = [Ask(page.format(q=quote(text))) for text in asks for page in pages] + [Ask(path) for path in deep]
    return [ask for ask in found if len(ask.path) < 8000]


def uploads() -> list[Ask]:
    """Files as people upload them: near the limit, beyond it, and small ones that unpack to more than is allowed."""
    near, beyond, bomb = (
        b"No id stands here.\n" * (49 * MB // 19),
        b"x" * (51 * MB),
        gzip.compress(b"\0" * (600 * MB), 9),
    )
    nested = gzip.compress(bomb, 9)
    return [upload(content) for content in (bomb, near, nested, beyond)]


def upload(content: bytes) -> Ask:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="ids.txt"\r\n\r\n'
    return Ask("/threads/add/?connection=default", head + content + b"\r\n--b--\r\n", "multipart/form-data; boundary=b")


def sent_in(token: str) -> list[Ask]:
    """Bodies near and beyond what may be sent in at once: one long text, ten thousand objects, deep and wide JSON."""
    long = {
        **message_object("long", 0, "x"),
        "content": [{"type": "text", "text": {"value": "word " * (3 * MB), "annotations": []}}],
    }
    many = "\n".join(json.dumps(message_object(f"many{at % 50}", at, "word " * 20)) for at in range(5000))
    bodies = [
        json.dumps(long).encode(),
        many.encode()[: 16 * MB - 9],
        b"[" * (15 * MB),
        b"{" * (17 * MB),
        b"data: {}\n\n" * MB,
    ]
    return [Ask("/ingest/sent/", body, "application/json", token) for body in bodies]
