"""Keeps the words of runs, their question and reply in step with what is in the index.

The engines' own indexes follow by themselves: on SQLite by triggers, on PostgreSQL by a generated column (migration
0002). An import gathers words from what it has at hand, by `run_texts` and `words`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Case, Exists, F, OuterRef, QuerySet, When

from runsdash.index.excerpts import LOOKED_AT, first_question_among, is_by_user, question_among, reply_among
from runsdash.index.models import (
    Message,
    MessageBody,
    Run,
    RunBody,
    RunStep,
    RunText,
    StepBody,
    Thread,
)
from runsdash.index.models.bodies import Body
from runsdash.index.storage.bodies import unpacked
from runsdash.index.storage.keys import MESSAGE_ORDER_BITS, first_key_of
from runsdash.index.storage.page_reads import messages_before, questions_among
from runsdash.index.storage.sql_writes import Row, insert_rows, update_rows, upsert_rows
from runsdash.prepared import Prepared
from runsdash.service import objects
from runsdash.service.json_types import Json

from .run_texts import Text, message_texts, part_texts, preview_texts, run_texts, step_texts
from .words import joined_words

CHUNK = 100  # runs gathered together
LARGEST_BODY = 32 * 1024 * 1024  # bytes; a larger one is searchable as far as its preview
READ_TOGETHER_BYTES = 256 * 1024  # larger bodies are read one by one
MANY_STEPS = 1000  # a run with more is not gathered again at each page of its steps, only once it has them all
MESSAGES_A_RUN = 200
MOST_AFTER = 500  # runs that one late message may concern
OF_EXCERPTS = ("id", "thread_id", "upstream_id", "created_at", "question", "reply")
Excerpts = tuple[str, str]
TEXT_NAMES = ("run_id", "words", "is_cut")


def index_runs(run_ids: Iterable[int]) -> dict[int, Excerpts]:
    """Gathers the words of these runs anew and writes what has changed. Call it after runs or steps were written.

    So it does with their question and reply, which are returned by run key.
    """
    found: dict[int, Excerpts] = {}
    wanted = list(dict.fromkeys(run_ids))
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        rows: dict[int, Row] = {}
        for run in RUN.rows(*some) if len(some) == 1 else runs_to_gather(*some):
            said = messages_around(run) if getattr(run, "is_talked_in", True) else NOTHING_SAID
            found[run.pk] = write_excerpts(run, said)
            # A long run that still grows is left for later.
            if run.step_count <= MANY_STEPS or run.has_all_steps:
                rows[run.pk] = row_of(run, texts_of(run, said, has_steps=getattr(run, "has_steps", True)))
        there = {text.run_id: text for text in (WORDS.rows(*some) if len(some) == 1 else stored_words(*some))}
        upsert_rows(RunText, [row for key, row in rows.items() if is_new(row, there.get(key))])
    return found


def index_long_run(run: Run) -> None:
    """Gathers the words of a run that was too long to do so at each page of its steps. Call it once it has them all."""
    if run.step_count > MANY_STEPS:
        index_runs([run.pk])


def index_messages(thread: Thread, messages: Sequence[Message]) -> None:
    """Indexes the runs that wrote these new or changed messages, and those that answer them."""
    own = {message.run_upstream_id for message in messages if message.run_upstream_id}
    asked = [message.created_at for message in messages if not message.run_upstream_id]
    runs = Run.objects.filter(thread=thread)
    ids = set(runs.filter(upstream_id__in=own).values_list("id", flat=True)) if own else set()
    if asked:
        later = runs.filter(id__gte=first_key_of(min(asked))).order_by("id").values_list("id", flat=True)
        ids.update(answering := later[: len(asked) + 1])
        if len(answering) > len(asked):  # there may be more
            refresh_excerpts(runs_after(thread, min(asked), max(asked)))
    index_runs(sorted(ids))
    write_thread_excerpts(thread)


def insert_words(rows: Sequence[tuple[int, str, bool]]) -> None:
    """Inserts words of many new runs, (run key, words, is_cut), inside a transaction.

    SQLite's index of words takes them directly here: through its trigger it would write a segment for each row.
    """
    if connection.vendor != "sqlite":
        insert_rows(RunText, TEXT_NAMES, rows)
        return
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute("INSERT INTO index_runtext_apart (id) VALUES (1)")
        insert_rows(RunText, TEXT_NAMES, rows)
        cursor.execute("DELETE FROM index_runtext_apart")
        own = sorted((key, words) for key, words, _ in rows)
        cursor.executemany("INSERT INTO index_runtext_fts(rowid, words) VALUES (%s, %s)", own)


# Question and reply


def refresh_excerpts(run_ids: Sequence[int]) -> None:
    """Writes question and reply of these runs anew."""
    for run in Run.objects.filter(pk__in=run_ids).only(*OF_EXCERPTS):
        write_excerpts(run, messages_around(run))


def write_excerpts(run: Run, said: "MessagesAround") -> Excerpts:
    found = question_among(said.before), reply_among(said.own[::-1][:LOOKED_AT])
    if found != (run.question, run.reply):
        update_rows(Run, ("question", "reply"), [(*found, run.pk)])
    return found


def write_thread_excerpts(thread: Thread) -> None:
    """Writes what was said first and last in the thread anew."""
    first, last = first_question_among(FIRST_SAID.rows(thread.pk)), reply_among(LAST_SAID.rows(thread.pk))
    # The object may be older than the row, so the row is asked.
    Thread.objects.filter(pk=thread.pk).exclude(first_question=first, last_reply=last).update(
        first_question=first, last_reply=last
    )
    thread.first_question, thread.last_reply = first, last


def said_in(thread: int) -> QuerySet[Message]:
    return Message.objects.filter(thread_id=thread).only("role", "parts")


FIRST_SAID = Prepared(lambda thread: said_in(thread).order_by("position", "id")[:LOOKED_AT], int)
LAST_SAID = Prepared(lambda thread: said_in(thread).order_by("-position", "-id")[:LOOKED_AT], int)


def runs_after(thread: Thread, first: datetime, last: datetime) -> list[int]:
    """Finds runs whose question may have been said between two moments: those before the next question."""
    runs = Run.objects.filter(thread=thread, id__gte=first_key_of(first)).order_by("id")
    position = int(last.timestamp()) + 1 << MESSAGE_ORDER_BITS
    rows = Message.objects.filter(thread=thread, position__gte=position).only("role", "parts", "created_at")
    following = next(
        (one for one in rows.order_by("position", "id")[:LOOKED_AT] if is_by_user(one) and one.excerpt), None
    )
    if following is not None:
        runs = runs.filter(id__lt=first_key_of(following.created_at + timedelta(seconds=1)))
    return list(runs.values_list("id", flat=True)[:MOST_AFTER])


# Words


def row_of(run: Run, texts: Iterable[Text]) -> Row:
    words, is_cut = joined_words(texts)
    return {"run_id": run.pk, "words": words, "is_cut": is_cut}


def is_new(row: Row, there: RunText | None) -> bool:
    return there is None or (there.words, there.is_cut) != (row["words"], row["is_cut"])


# Gathering


@dataclass(frozen=True)
class MessagesAround:
    """Holds the messages just before a run, newest first, and those that it wrote, oldest first."""

    before: Sequence[Message]
    own: Sequence[Message]


NOTHING_SAID = MessagesAround((), ())
# Most runs are new, on threads of which no message has been read; three statements a run are spared.
IS_TALKED_IN = Exists(Message.objects.filter(thread_id=OuterRef("thread_id")))
HAS_STEPS = Exists(RunStep.objects.filter(run_id=OuterRef("pk")))


def runs_to_gather(*keys: int) -> QuerySet[Run]:
    return Run.objects.filter(pk__in=keys).annotate(is_talked_in=IS_TALKED_IN, has_steps=HAS_STEPS)


def stored_words(*keys: int) -> QuerySet[RunText]:
    return RunText.objects.filter(run_id__in=keys)


RUN, WORDS = Prepared(runs_to_gather, int), Prepared(stored_words, int)  # most often one run is gathered


def messages_around(run: Run) -> MessagesAround:
    return MessagesAround(messages_before(run), messages_by(run))


def texts_of(run: Run, said: MessagesAround, *, has_steps: bool) -> Iterator[Text]:
    yield from body_texts(RunBody.objects.filter(run=run), lambda raw: run_texts(objects.Run.from_raw(raw)))
    for message in [*questions_among(said.before, run), *said.own[:MESSAGES_A_RUN]]:
        yield from texts_of_message(message)
    if has_steps:
        steps = StepBody.objects.filter(step__run_id=run.pk).order_by("step__position", "step_id")
        yield from body_texts(steps, lambda raw: step_texts(objects.RunStep.from_raw(raw)))


def texts_of_message(message: Message) -> Iterator[Text]:
    texts = list(part_texts(message.parts))
    if not any(is_cut for _, is_cut in texts):
        return iter(texts)
    bodies = MessageBody.objects.filter(message=message, size__lte=LARGEST_BODY)
    whole = body_texts(bodies, lambda raw: message_texts(objects.Message.from_raw(raw)))
    return whole if bodies.exists() else iter(texts)


def body_texts(bodies: QuerySet[Body], read: Callable[[Json], Iterator[Text]]) -> Iterator[Text]:
    """Yields the texts of whole objects; of those too large to be read, of their previews."""
    short = Case(When(size__lte=READ_TOGETHER_BYTES, then=F("raw")))
    for key, size, preview, raw in bodies.values_list("pk", "size", "preview", short).iterator(chunk_size=20):
        if size > LARGEST_BODY:
            yield from preview_texts(preview)
            continue
        raw = raw or bodies.model._default_manager.values_list("raw", flat=True).get(pk=key)
        yield from read(json.loads(unpacked(bytes(raw))))


def messages_by(run: Run) -> Sequence[Message]:
    """Finds the first messages that the run wrote and, where there are more, its last."""
    own = Message.objects.filter(thread_id=run.thread_id, run_upstream_id=run.upstream_id)
    first = list(own.order_by("position", "id")[:MESSAGES_A_RUN])
    return first if len(first) < MESSAGES_A_RUN else [*first, *own.order_by("-position", "-id")[:LOOKED_AT][::-1]]
