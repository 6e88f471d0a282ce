"""Finds and deletes the files that jobs read. A file is there from its upload to the end of its job."""

from pathlib import Path
from time import time

from django.conf import settings

from runsdash.index.models import Job

OPEN = (Job.State.WAITING, Job.State.RUNNING)
UPLOAD = "upload-"  # how the names of uploads begin
MADE = SORTING, SORTED = (".sorting", ".sorted")  # what an import makes beside one
LEFT_AFTER_S = 86_400.0


def path_of(name: str) -> Path:
    """Returns where a file is. Only the last part of its name counts, so that no row leads out of the folder."""
    return Path(settings.FILES_DIR) / Path(name).name


def delete_file(name: str) -> None:
    if name:
        for suffix in ("", *MADE):
            path_of(name + suffix).unlink(missing_ok=True)


def delete_left_uploads() -> None:
    """Deletes uploads that no job is for: the process that took them died. A chore of the worker."""
    for path in Path(settings.FILES_DIR).glob(f"{UPLOAD}*"):
        is_needed = Job.objects.filter(file_name=without_made(path.name), state__in=OPEN).exists()
        if not is_needed and path.stat().st_mtime < time() - LEFT_AFTER_S:
            path.unlink(missing_ok=True)


def beside(path: Path, suffix: str) -> Path:
    """Names what an import makes of a file: SORTING or SORTED."""
    return path.with_name(path.name + suffix)


def without_made(name: str) -> str:
    """Returns the name of the upload that a file was made of, or is."""
    return name.removesuffix(SORTING).removesuffix(SORTED)
