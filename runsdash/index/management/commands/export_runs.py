"""`manage.py export_runs`: streams runs with their steps, messages, threads and archived files out of the index."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runsdash.index.connections import connections
from runsdash.index.exporting.chosen import SearchStopped, chosen_runs, found_runs
from runsdash.index.exporting.objects import lines
from runsdash.index.exporting.table import csv_lines
from runsdash.index.models import Connection
from runsdash.index.search.run_filter import FilterError, RunFilter, parsed


class Command(BaseCommand):
    help = (
        "Export runs. jsonl: threads, runs, steps and messages as received, and the archived files that they name, "
        "which import_runs takes in again. csv: one line a run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--filter", default="", metavar="QUERY", help='as in the list: "status:failed created>-7d"')
        parser.add_argument("--connection", metavar="SLUG", help="only runs of this connection")
        parser.add_argument("--format", default="jsonl", choices=["jsonl", "csv"])
        parser.add_argument("-o", "--output", metavar="FILE", help="without it, standard output")

    def handle(
        self, *args: Any, filter: str, connection: str | None, format: str, output: str | None, **options: Any
    ) -> None:
        try:
            run_filter, chosen = parsed(filter), connection_named(connection)
            with opened(output) as file:
                count = export(file, run_filter, chosen, format)
        except (FilterError, SearchStopped) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{output or error.filename or 'The file'}: {error.strerror or error}.") from error
        if output:
            self.stdout.write(f"{count:,} {'runs' if format == 'csv' else 'objects'} written to {output}.")


def export(file: BinaryIO, run_filter: RunFilter, connection: Connection | None, format: str) -> int:
    """Writes all; returns how many runs (csv) or objects (jsonl) that were."""
    if format == "csv":
        runs = chain.from_iterable(found_runs(run_filter, connection=connection))
        return sum(1 for line in csv_lines(runs) if file.write(line)) - 1  # the head is no run
    with chosen_runs(run_filter, connection=connection) as chosen:
        return sum(1 for line in lines(chosen) if file.write(line))


def connection_named(slug: str | None) -> Connection | None:
    if slug is None:
        return None
    known = {one.slug: one for one in connections()}
    if slug not in known:
        raise CommandError(f"There is no connection “{slug}”. There are: {', '.join(known) or 'none yet'}.")
    return known[slug]


@contextmanager
def opened(path: str | None) -> Iterator[BinaryIO]:
    """Opens the file, or standard output. A file gets its name when it is whole; pipes and devices are written to."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path).resolve()  # what a link leads to, so that the link stays
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    unfinished = target.with_name(f"{target.name}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
