"""Stores static files as a deployment serves them: hashed names, packed, styles in one file. For `collectstatic`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

STYLES = "css/runsdash.css"
IMPORT = re.compile(r'@import url\("(.+)"\);\n')
COMMENT, INDENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL), re.compile(r"\n\s+")
Paths = dict[str, tuple[StaticFilesStorage, str]]


class DeployedFiles(CompressedManifestStaticFilesStorage):
    """Names of modules that scripts load are hashed too, so that all of them may be kept for ever."""

    support_js_module_import_aggregation = True

    def post_process(self, paths: Paths, dry_run: bool = False, **options: Any) -> Iterator[tuple]:
        if not dry_run:
            Path(self.path(STYLES)).write_text(joined_styles(paths))
            paths = paths | {STYLES: (self, STYLES)}
        yield from super().post_process(paths, dry_run=dry_run, **options)


def joined_styles(paths: Paths) -> str:
    """Puts the rules of each sheet, without comments and indents, in the place of the line that imports it."""

    def text_of(name: str) -> str:
        storage, path = paths[name]
        with storage.open(path) as file:
            return file.read().decode()

    text = IMPORT.sub(lambda found: text_of(f"css/{found[1]}"), text_of(STYLES))
    return INDENT.sub("\n", COMMENT.sub("", text))
