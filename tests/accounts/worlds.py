"""Worlds for tests of teams: a connection with the world's word in all that an upstream or a person can write.

`World.words` can be asked for, `World.secret` stands beside them, and `World.ids` are in ids. None is in another world.
"""

import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

from django.test import Client
from django.utils import timezone

from runsdash.accounts.models import Team, User
from runsdash.actions.batch.models import BatchItem, BatchJob
from runsdash.actions.batch.working import work_some
from runsdash.actions.models import Claim, Draft, Lineage, LiveOutput, LivePiece, SentOutput
from runsdash.actions.notes import add_label, add_note
from runsdash.actions.outputs.answers import save_schema, save_template
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import record_refusal
from runsdash.index.fulltext.writer import index_runs
from runsdash.index.models import ArchivedFile, ChildRun, Connection, Job, PurgedThread, Run, SavedView
from runsdash.notify.models import Delivery, Rule
from tests.hostile_rows import hostile_run, message_objects, step_objects
from tests.people import PASSWORD
from tests.rows import made_connection, roll_all_up

LONG = timedelta(hours=1)  # as nobody stops typing while pages are walked
IMAGE = b"\x89PNG\r\n\x1a\n" + b"0" * 64


@dataclass
class World:
    """Holds a world's rows, and the clients of its two people."""

    word: str
    connection: Connection
    waiting: Run
    failed: Run
    operator: Client
    viewer: Client
    keys: dict[str, str] = field(default_factory=dict)  # of addresses that end in a number, by the address's beginning

    @property
    def words(self) -> str:
        return f"said{self.word}"

    @property
    def secret(self) -> str:
        """What no test ever types."""
        return f"kept{self.word}"

    @property
    def ids(self) -> str:
        return f"id{self.word}"


def person(name: str, role: str) -> Client:
    client = Client(raise_request_exception=True)
    client.user = User.objects.filter(username=name).first() or User.objects.create_user(
        name, password=PASSWORD, role=role
    )
    client.force_login(client.user)
    return client


def made_world(word: str) -> World:
    words, ids = f"said{word}", f"id{word}"
    connection = made_connection(ids, name=f"{words} kept{word}", is_enabled=False, customer_key="who")
    texts = [words, f"kept{word} two", f"{words} kept{word} # *three*"]
    failed = hostile_run(connection, f"{ids}f", texts)
    waiting = hostile_run(connection, f"{ids}w", texts, waits=True)
    world = World(word, connection, waiting, failed, person(f"{words}op", "operator"), person(f"{words}view", "viewer"))
    for run in (failed, waiting):
        Run.objects.filter(pk=run.pk).update(
            question=f"{words} kept{word}", reply=f"kept{word}", checked_at=timezone.now()
        )
    index_runs([failed.pk, waiting.pk])
    left_by_people(world)
    kept_of_the_world(world)
    roll_all_up()
    return world


def left_by_people(world: World) -> None:
    """Drafts, outputs, notes, live pieces, views, rules, batches and their file."""
    now, user, words, run = timezone.now(), world.operator.user, world.words, world.waiting
    name = user.username
    call = {
        "connection": run.connection,
        "run_upstream_id": run.upstream_id,
        "function_name": words,
        "text": world.secret,
    }
    Draft.objects.create(user=user, saved_at=now, call_id="call_1", **call)
    SentOutput.objects.create(sent_by=name, sent_at=now, call_id="call_1", **call)
    Claim.objects.create(
        user=user, connection=run.connection, run_upstream_id=run.upstream_id, since=now, seen_at=now + LONG
    )
    Lineage.objects.create(run=world.failed, source=run, is_on_copy=False, changed=[words], made_by=name)
    for subject in (run, run.thread, world.failed):
        add_note(actor=user, subject=subject, text=f"{words} {world.secret}")
        add_label(actor=user, subject=subject, name=words)
    LiveOutput.objects.create(run=run, segment=1, reader="x", beat_at=now + LONG, sentence=words)
    LivePiece.objects.create(run=run, part="msg", kind="text", text=world.secret, opens=True)
    save_template(actor=user, function_name=words, name=words, text=world.secret)
    save_schema(actor=user, function_name=words, schema={"type": "object", "description": world.secret})
    view = SavedView.objects.create(owner=user, name=words, query=f"error:{words}", is_shared=True)
    rule = Rule.objects.create(name=words, event="failure", emails=f"{words}@example.org", created_by=name)
    Rule.objects.create(
        name=f"{words} counted", event="run_count", view=view, threshold=1, period_s=60, created_by=name
    )
    body = {
        "message": world.secret,
        "sentence": world.secret,
        "connection": run.connection.slug,
        "run_id": run.upstream_id,
    }
    Delivery.objects.create(
        rule=rule, channel="email", event_key=words, body=body, due_at=now, sent_at=now, answer=words
    )
    job = BatchJob.objects.create(
        operation="export", query=words, reason=world.secret, parameters={"value": words}, actor=user, created_by=name, total=1,
        token=words,
    )  # fmt: skip
    BatchItem.objects.create(job=job, run=run, message=words)
    work_some()
    record_refusal(action="bulk_cancel", message=words, actor=name)
    world.keys = {"/bulk/": job.pk, "/notifications/": rule.pk, "/runs/views/": view.pk, "/runs/rows/": run.pk}


def kept_of_the_world(world: World) -> None:
    """Files, an import under way, an id that was purged."""
    now, connection = timezone.now(), world.connection
    content = {"status": 200, "content": IMAGE, "size": len(IMAGE), "fetched_at": now, "content_type": "image/png"}
    thread = world.waiting.thread
    ArchivedFile.objects.create(connection=connection, upstream_id=f"file-{world.ids}", thread=thread, **content)
    progress = {"done": 1, "total": 2, "note": world.words}
    job = Job.objects.create(
        kind="add_threads", connection=connection, created_by=world.operator.user.username, progress=progress,
        error=world.secret, parameters={"thread_ids": [world.ids]},
    )  # fmt: skip
    ChildRun.objects.create(
        connection=connection, upstream_id=f"run_child{world.ids}", parent=world.waiting, step_key=1
    )
    PurgedThread.objects.create(connection=connection, upstream_id=f"thread_purged{world.ids}")
    entry = AuditEntry.objects.filter(connection_slug=connection.slug, kind="intent").latest("pk")
    world.keys |= {"/audit/": entry.pk, "/threads/imports/": job.pk}


def no_world(word: str) -> World:
    """A world of which nothing exists: what can be asked for of it, and no rows."""
    run = SimpleNamespace(
        upstream_id=f"run_hostileid{word}w", pk=1925792898174666000, assistant_id=f"asst_hostileid{word}w"
    )
    run.thread = SimpleNamespace(upstream_id=f"thread_hostileid{word}w")
    failed = SimpleNamespace(upstream_id=f"run_hostileid{word}f", pk=1925792898174666001)
    somebody = SimpleNamespace(user=SimpleNamespace(username=f"said{word}op"))
    keys = dict.fromkeys(
        ("/bulk/", "/notifications/", "/runs/views/", "/runs/rows/", "/audit/", "/threads/imports/"), 999_999
    )
    return World(word, SimpleNamespace(slug=f"id{word}"), run, failed, somebody, somebody, keys)


def made_team(world: World) -> Team:
    team = Team.objects.create(name=f"team {world.words}")
    team.members.set([world.operator.user, world.viewer.user])
    team.connections.set([world.connection])
    return team


def names_in(world: World) -> dict[str, str]:
    """What stands in an address of this world in the place of each name."""
    run = world.waiting
    return {
        "thread_id": run.thread.upstream_id,
        "run_id": run.upstream_id,
        "step_id": step_objects(f"{world.ids}w", [world.words])[0]["id"],
        "message_id": message_objects(f"{world.ids}w", [world.words])[0]["id"],
        "assistant_id": run.assistant_id,
        "file_id": f"file-{world.ids}",
        "slug": world.connection.slug,
        "name": world.words,
    }


def whole(answer: object) -> str:
    """The head and body of an answer as text, a stream read to its end and an archive unpacked."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            body = b"\n".join(name.encode() + b" " + archive.read(name) for name in archive.namelist())
    heads = json.dumps(dict(answer.headers))
    return f"{answer.status_code} {heads} {body.decode(errors='replace')}".casefold()
