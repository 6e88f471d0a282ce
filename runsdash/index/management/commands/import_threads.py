"""`manage.py import_threads [FILE]`: adds threads by the ids in a text."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runsdash.index.importing.files import STDIN, sources_of
from runsdash.index.importing.merge_threads import ImportedThreads, import_threads
from runsdash.index.importing.target import NoTarget, target
from runsdash.index.keeping.purge import came_back


class Command(BaseCommand):
    help = (
        "Add threads to the index by their ids: one a line, with other text around them, or JSON lines of thread and "
        "run objects. The worker then reads them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", metavar="SLUG", help="the connection that the threads belong to")
        parser.add_argument("file", nargs="?", default=STDIN, metavar="FILE", help="- or nothing: standard input")

    def handle(self, *args: Any, connection: str | None, file: str, **options: Any) -> None:
        try:
            chosen = target(connection)
            with sources_of([file], is_text=True) as sources:
                added = import_threads(chosen, sources[0])
        except NoTarget as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or 'The file'}: {error.strerror or error}.") from error
        self.stdout.write(sentence(added, chosen.slug))
        if added.back:
            self.stdout.write(f"{came_back(added.back)}: who adds a thread lets it be fetched again.")
        if added.refused:
            raise CommandError(" ".join(f"Not all was read: {reason}." for reason in added.refused))


def sentence(added: ImportedThreads, slug: str) -> str:
    known = f", {added.known:,} known before" if added.known else ""
    return f"{added.new:,} thread{'' if added.new == 1 else 's'} added to {slug}{known}; {added.lines:,} lines read."
