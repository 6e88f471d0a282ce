"""Finds and deletes the files that jobs read. A file is there from its upload to the end of its job."""

from pathlib import Path
from time import time

from django.conf import settings

from runsdash.index.models import Job

OPEN = (Job.State.WAITING, Job.State.RUNNING)
UPLOAD = "upload-"  # how the names of uploads begin
LEFT_AFTER_S = 86_400.0


def path_of(name: str) -> Path:
    """Returns where a file is. Only the last part of its name counts, so that no row leads out of the folder."""
    return Path(settings.FILES_DIR) / Path(name).name


def delete_file(name: str) -> None:
    if name:
        path_of(name).unlink(missing_ok=True)


def delete_left_uploads() -> None:
    """Deletes uploads that no job is for: the process that took them died. A chore of the worker."""
    for path in Path(settings.FILES_DIR).glob(f"{UPLOAD}*"):
        is_needed = Job.objects.filter(file_name=path.name, state__in=OPEN).exists()
        if not is_needed and path.stat().st_mtime < time() - LEFT_AFTER_S:
            path.unlink(missing_ok=True)
