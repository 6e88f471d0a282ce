"""Exports what objects name: archived files and assistants. Each once, one at a time in memory.

Which upstream file is wanted at all, and whether it is here, is decided in keeping/archive.py.
"""

from collections.abc import Iterable, Iterator

from runsdash.index.importing.archived_assistants import exported_assistant
from runsdash.index.importing.archived_files import file_line
from runsdash.index.keeping.archive import file_ids_of_message, file_ids_of_step, usable
from runsdash.index.models import ArchivedFile, Assistant, Message, Run, RunStep, Thread
from runsdash.index.snapshots.known_rows import CHUNK, chunks
from runsdash.index.storage.previews import step_preview
from runsdash.service import objects
from runsdash.service.decoding import decode_json
from runsdash.service.json_types import Json

from .chosen import ChosenRuns


class NamedObjects:
    """Notes which files and assistants the objects of a thread name. Gives the lines of the files.

    A file belongs to the thread that named it first, whose meter counts it. Where that thread is still to come, the
    file waits for it, so that an import knows the thread when it reads the file.
    """

    def __init__(self, thread: Thread, chosen: ChosenRuns) -> None:
        self.thread, self.chosen = thread, chosen
        self.ids: dict[str, None] = {}
        self.assistants: set[str] = set()
        self.is_idle = not chosen.has_files(thread.connection_id)

    def of_run(self, run: Run) -> None:
        self.note_assistant(run.assistant_id)

    def of_step(self, step: RunStep, body: bytes) -> None:
        if not self.is_idle and may_name_files(step):
            self.note(file_ids_of_step(step_preview(objects.RunStep.from_raw(decode_json(body)))))

    def of_message(self, message: Message) -> None:
        self.note_assistant(message.assistant_id)
        if not self.is_idle:
            self.note(file_ids_of_message(message))

    def note_assistant(self, assistant_id: str) -> None:
        if assistant_id not in self.assistants:
            self.assistants.add(assistant_id)
            self.chosen.add_assistant(self.thread.connection_id, assistant_id)

    def note(self, ids: Iterable[Json]) -> None:
        self.ids.update(dict.fromkeys(usable(ids)))
        if len(self.ids) >= CHUNK:
            self.look_up()

    def look_up(self) -> None:
        rows = ArchivedFile.objects.filter(connection_id=self.thread.connection_id).values_list("pk", "thread_id")
        for some in chunks(list(self.ids)):
            for key, owner in rows.filter(upstream_id__in=some):
                waits = owner is not None and owner > self.thread.pk and self.chosen.has_thread(owner)
                self.chosen.add_file(key, owner if waits else self.thread.pk)
        self.ids.clear()

    def lines(self) -> Iterator[bytes]:
        """Yields the files of this thread and those that waited for it."""
        if self.is_idle:
            return
        self.look_up()
        if self.chosen.is_everything:
            for key in ArchivedFile.objects.filter(thread=self.thread).values_list("pk", flat=True).iterator():
                self.chosen.add_file(key, self.thread.pk)
        for key in self.chosen.files(self.thread.pk):
            file = ArchivedFile.objects.select_related("thread").filter(pk=key).first()
            if file is not None:
                owner = file.thread if file.thread and self.chosen.has_thread(file.thread.pk) else self.thread
                yield file_line(file, owner.upstream_id)


def assistant_lines(chosen: ChosenRuns) -> Iterator[bytes]:
    """Yields the assistants that are known, once all threads are through."""
    for connection_key, ids in chosen.assistants():
        rows = Assistant.objects.filter(connection_id=connection_key, upstream_id__in=ids).order_by("upstream_id")
        yield from (exported_assistant(row).line for row in rows)


def may_name_files(step: RunStep) -> bool:
    """Is it more than a message or calls of functions, as far as its row says?"""
    is_cut = step.call_count > len(step.calls)
    return is_cut or any(call.get("kind") != "function" for call in step.calls)
