"""The life of a rule: two workers on PostgreSQL, a mail server and a webhook receiver, both real."""

import json

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from tests.cluster.several import Several, eventually
from tests.free_ports import free_ports
from tests.notify.receiver import Receiver
from tests.postgres import missing
from tests.upstream import Sandbox

pytestmark = [
    pytest.mark.long, pytest.mark.clock, pytest.mark.skipif(bool(missing()), reason=missing() or "PostgreSQL is there"),
]  # fmt: skip
MAKE = """
from runsdash.accounts.models import User
from runsdash.actions.notifications import save_rule
from runsdash.index.models import SavedView
from runsdash.notify.models import Rule
from tests.rows import made_connection, made_run
made_run(made_connection("archive", is_enabled=False))
olga = User.objects.get(role="operator")
view = SavedView.objects.create(owner=olga, name="Failing", query="status:failed")
save_rule(actor=olga, rule=Rule(name="Flood", event="run_count", view=view, threshold=0, period_s=3600,
    emails="ops@example.org", webhook_url={url!r}))
"""
FAIL = "UPDATE index_run SET status = 'failed' RETURNING id"
MEND = "UPDATE index_run SET status = 'completed' RETURNING id"
# As whoever writes a run says that its hour has to be counted anew, and as if half a minute had passed.
NOW = (
    "INSERT INTO index_dirtyhour (connection_id, hour)"
    " SELECT DISTINCT connection_id, extract(epoch FROM created_at)::int / 3600 FROM index_run RETURNING id",
    "DELETE FROM runsdash_cache RETURNING cache_key",
    "UPDATE notify_delivery SET due_at = now() RETURNING id",
    "UPDATE notify_rule SET check_at = now() RETURNING id",
)


class Letters(Message):
    """Keeps the subjects of the letters that came."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def handle_message(self, message: object) -> None:
        self.subjects.append(message["Subject"])


def test_it_is_made_tells_once_is_muted_and_gets_through_when_the_target_is_back():
    letters = Letters()
    mail = Controller(letters, hostname="127.0.0.1", port=free_ports(1)[0])
    mail.start()
    try:
        with Receiver() as receiver, Sandbox() as sandbox, Several(sandbox) as several:
            several.environment |= {
                "EMAIL_URL": f"smtp://127.0.0.1:{mail.port}",
                "WEBHOOK_ALLOW_PRIVATE": "on",
                "PUBLIC_URL": "https://runs.example.org",
            }
            live(several, receiver, letters)
    finally:
        mail.stop()


def live(several: Several, receiver: Receiver, letters: Letters) -> None:
    def came(count: int) -> bool:
        return len(letters.subjects) == len(receiver.got) == count

    def counted_since(*statements: str) -> None:
        before = counted_at(several)
        for statement in (*statements, *NOW):
            several.rows(statement)
        eventually(lambda: counted_at(several) not in (None, before), seconds=20)

    several.django(MAKE.format(url=receiver.url))
    several.start_worker()
    several.start_worker()

    counted_since(FAIL)
    eventually(lambda: came(1), seconds=20)
    counted_since()
    assert came(1)
    assert letters.subjects[0].startswith("RunsDash: Flood: more than 0 runs in 1h; now 1")
    assert json.loads(receiver.got[0][1])["url"].startswith("https://runs.example.org/runs/?q=status")

    url = several.start_web()
    [(key,)] = several.rows("SELECT id FROM notify_rule")
    assert "muted" in mute(several, f"{url}/notifications/{key}/", "Mute")
    counted_since(MEND)
    counted_since(FAIL)
    eventually(lambda: states(several) == {("muted", 4), ("sent", 2)}, seconds=20)
    assert came(1)

    mute(several, f"{url}/notifications/{key}/", "Unmute")
    counted_since(MEND)
    receiver.status = 503
    counted_since(FAIL)
    eventually(lambda: ("answered 503",) in several.rows("SELECT answer FROM notify_delivery"), seconds=20)
    assert len(letters.subjects) == 2
    receiver.status = 200
    counted_since()
    eventually(lambda: states(several) == {("muted", 4), ("sent", 4)}, seconds=20)
    assert (len(letters.subjects), len(receiver.got)) == (2, 3)  # the webhook was tried twice

    counted_since(MEND)
    eventually(lambda: states(several) == {("muted", 4), ("sent", 6)}, seconds=20)
    assert letters.subjects[-1].startswith("RunsDash: Flood: no longer more than 0 runs in 1h;")


def mute(several: Several, url: str, word: str) -> str:
    """Presses the button on the rule's page; the page that follows, as text."""
    form = several.page(url, role="operator").one("form", id="mute")
    assert word in form.text
    return several.send(form, url, role="operator").text


def counted_at(several: Several) -> object:
    return several.rows("SELECT counted_at FROM notify_rule")[0][0]


def states(several: Several) -> set[tuple]:
    return set(several.rows("SELECT state, COUNT(*) FROM notify_delivery GROUP BY 1"))
