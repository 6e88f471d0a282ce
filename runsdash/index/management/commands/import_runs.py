"""`manage.py import_runs FILE...`: loads threads, runs, run steps, messages and kept files into the index."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runsdash.index.importing.files import sources_of
from runsdash.index.importing.run_import import Totals, import_sources
from runsdash.index.importing.target import NoTarget, target
from runsdash.index.keeping.purge import came_back


class Command(BaseCommand):
    help = (
        "Load thread, thread.run, thread.run.step and thread.message objects, one JSON object a line, in any order, "
        "or as arrays or list replies of the API, and the archived files of an export. Loading a file again changes "
        "nothing. Files may be gzip, or the zip of a run; - is standard input. Ends with 1 when something was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", metavar="SLUG", help="the connection that the objects belong to")
        parser.add_argument("files", nargs="+", metavar="FILE")

    def handle(self, *args: Any, connection: str | None, files: list[str], **options: Any) -> None:
        try:
            chosen = target(connection)
            with sources_of(files) as sources:
                totals = import_sources(chosen, sources, on_progress=self.show_progress)
        except NoTarget as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or 'A file'}: {error.strerror or error}.") from error
        self.report(totals, chosen.slug)

    def show_progress(self, totals: Totals) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{totals.runs:,} runs, {totals.runs / totals.taken_s:,.0f} runs/s ", ending="")

    def report(self, totals: Totals, slug: str) -> None:
        for refused in totals.refused_lines:
            self.stderr.write(f"{refused.name}, line {refused.number}: {refused.reason}.")
        if totals.refused > len(totals.refused_lines):
            self.stderr.write(f"and {totals.refused - len(totals.refused_lines):,} more.")
        extras = [name for name in ("files", "assistants", "notes") if getattr(totals, name)]
        names = ["threads", "runs", "steps", "messages", *extras]
        counts = [f"{getattr(totals, name):,} {name}" for name in names]
        seconds = totals.taken_s
        self.stdout.write(
            f"Loaded into {slug}: {', '.join(counts)}. {totals.rows:,} rows in {seconds:.1f} s: "
            f"{totals.rows / seconds:,.0f} rows/s, {totals.runs / seconds:,.0f} runs/s."
        )
        if totals.back:
            self.stdout.write(f"{came_back(totals.back)}: who imports a thread adds it.")
        if totals.unchanged:
            self.stdout.write(f"{totals.unchanged:,} objects were in the index already.")
        left = [f"{totals.refused:,} lines could not be read."] if totals.refused else []
        if totals.orphan_steps:
            left.append(
                f"{totals.orphan_steps:,} steps belong to runs that are neither in these files nor in the index."
            )
        if left:
            raise CommandError(" ".join([*left, "All else is loaded."]))
