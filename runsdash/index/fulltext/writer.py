"""Keeps the words of runs in step with what is in the index.

The engines' own indexes follow by themselves: on SQLite by triggers, on PostgreSQL by a generated column (migration
0002). An import gathers words from what it has at hand, by `run_texts` and `words`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.db import connection, transaction
from django.db.models import Case, F, QuerySet, When

from runsdash.index.models import (
    Message,
    MessageBody,
    Run,
    RunBody,
    RunText,
    StepBody,
    Thread,
)
from runsdash.index.models.bodies import Body
from runsdash.index.storage.bodies import unpacked
from runsdash.index.storage.keys import first_key_of
from runsdash.index.storage.page_reads import questions_of
from runsdash.index.storage.sql_writes import Row, insert_rows, upsert_rows
from runsdash.service import objects

from .run_texts import Text, message_texts, part_texts, preview_texts, run_texts, step_texts
from .words import joined_words

CHUNK = 100  # runs gathered together
LARGEST_BODY = 32 * 1024 * 1024  # bytes; a larger one is searchable as far as its preview
READ_TOGETHER_BYTES = 256 * 1024  # larger bodies are read one by one
MANY_STEPS = 1000  # a run with more is not gathered again at each page of its steps, only once it has them all
MESSAGES_A_RUN = 200
TEXT_NAMES = ("run_id", "words", "is_cut")


def index_runs(run_ids: Iterable[int]) -> None:
    """Gathers the words of these runs anew and writes what has changed. Call it after runs or steps were written."""
    wanted = list(dict.fromkeys(run_ids))
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        rows = [row_of(run, texts) for run, texts in gathered(some)]
        there = {text.run_id: text for text in RunText.objects.filter(run_id__in=some)}
        upsert_rows(RunText, [row for row in rows if is_new(row, there.get(row["run_id"]))])


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
        ids.update(later[: len(asked) + 1])
    index_runs(sorted(ids))


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


def row_of(run: Run, texts: Iterable[Text]) -> Row:
    words, is_cut = joined_words(texts)
    return {"run_id": run.pk, "words": words, "is_cut": is_cut}


def is_new(row: Row, there: RunText | None) -> bool:
    return there is None or (there.words, there.is_cut) != (row["words"], row["is_cut"])


# Gathering


def gathered(run_ids: Sequence[int]) -> Iterator[tuple[Run, Iterator[Text]]]:
    """Yields each run with its texts; a long run that still grows is left for later."""
    for run in Run.objects.filter(pk__in=run_ids):
        if run.step_count <= MANY_STEPS or run.has_all_steps:
            yield run, texts_of(run)


def texts_of(run: Run) -> Iterator[Text]:
    yield from body_texts(RunBody.objects.filter(run=run), lambda raw: run_texts(objects.Run.from_raw(raw)))
    for message in [*questions_of(run), *messages_by(run)]:
        yield from texts_of_message(message)
    steps = StepBody.objects.filter(step__run_id=run.pk).order_by("step__position", "step_id")
    yield from body_texts(steps, lambda raw: step_texts(objects.RunStep.from_raw(raw)))


def texts_of_message(message: Message) -> Iterator[Text]:
    texts = list(part_texts(message.parts))
    if not any(is_cut for _, is_cut in texts):
        return iter(texts)
    bodies = MessageBody.objects.filter(message=message, size__lte=LARGEST_BODY)
    whole = body_texts(bodies, lambda raw: message_texts(objects.Message.from_raw(raw)))
    return whole if bodies.exists() else iter(texts)


def body_texts(bodies: QuerySet[Body], read: Callable[[dict], Iterator[Text]]) -> Iterator[Text]:
    """Yields the texts of whole objects; of those too large to be read, of their previews."""
    short = Case(When(size__lte=READ_TOGETHER_BYTES, then=F("raw")))
    for key, size, preview, raw in bodies.values_list("pk", "size", "preview", short).iterator(chunk_size=20):
        if size > LARGEST_BODY:
            yield from preview_texts(preview)
            continue
        raw = raw or bodies.model.objects.values_list("raw", flat=True).get(pk=key)
        yield from read(json.loads(unpacked(bytes(raw))))


def messages_by(run: Run) -> Sequence[Message]:
    own = Message.objects.filter(thread_id=run.thread_id, run_upstream_id=run.upstream_id)
    return own.order_by("position", "id")[:MESSAGES_A_RUN]
