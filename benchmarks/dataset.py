"""A loaded index of N runs, made once under var/bench/N and reused by every benchmark that reads.

The rows are those of `manage.py import_runs` over the generated past, so they are what a real index holds.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.generate import Past, write

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "bench"
SEED = 1
RUNS = 20_000
LARGE_FROM = 100_000  # from here on bodies are small, as the goals say
BODY_BYTES, LARGE_BODY_BYTES = 2_000, 300
KB_A_RUN = {BODY_BYTES: 120, LARGE_BODY_BYTES: 45}  # file, index, log and a second index to compare with
LOADED = re.compile(r"([\d,]+) rows in ([\d.]+) s: ([\d,]+) rows/s, ([\d,]+) runs/s")


class NoRoom(RuntimeError):
    """The disk is too full for what is asked. The message is a sentence."""


@dataclass(frozen=True)
class Loaded:
    """What the import printed. `until`: unix seconds at which the generated month ends."""

    runs: int
    body_bytes: int
    until: int
    rows: int
    seconds: float
    runs_a_second: float


def wanted_runs() -> int:
    """BENCH_RUNS; benchmarks may read the environment."""
    return int(os.environ.get("BENCH_RUNS", RUNS))


def body_bytes_of(runs: int) -> int:
    return LARGE_BODY_BYTES if runs >= LARGE_FROM else BODY_BYTES


def folder_of(runs: int) -> Path:
    return FOLDER / str(runs)


def index_of(runs: int | None = None) -> Path:
    """The path of the SQLite index with that many runs (BENCH_RUNS, if not said); made when it is not there yet."""
    runs = runs or wanted_runs()
    folder = folder_of(runs)
    if not (folder / "loaded.json").exists():
        load(runs)
    return folder / "index.sqlite3"


def environment_of(index: Path, *, url: str = "") -> dict[str, str]:
    """What a process needs to work on that index, or on the database at `url`."""
    return os.environ | {
        "SECRET_KEY": "only-for-benchmarks-" + "x" * 40,
        "DATABASE_URL": url or f"sqlite:///{index}",
    }


def load(runs: int) -> Loaded:
    """Generates the past, migrates a new index and imports into it. The generated file stays. Raises NoRoom."""
    folder = folder_of(runs)
    check_room(runs)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    past = Past(runs=runs, body_bytes=body_bytes_of(runs), seed=SEED, until=int(time.time()))
    with (folder / "past.jsonl").open("wb") as file:
        write(past, file)
    index = folder / "index.sqlite3"
    manage(index, "migrate", "--verbosity", "0")
    loaded = imported(index, folder / "past.jsonl", past)
    (folder / "loaded.json").write_text(json.dumps(asdict(loaded), indent=2) + "\n")
    return loaded


def imported(index: Path, file: Path, past: Past, *, url: str = "") -> Loaded:
    """One run of `import_runs`, by its own account."""
    told = LOADED.search(manage(index, "import_runs", str(file), url=url))
    rows, seconds, _, runs_a_second = (float(number.replace(",", "")) for number in told.groups())
    return Loaded(
        runs=past.runs, body_bytes=past.body_bytes, until=past.until, rows=int(rows), seconds=seconds,
        runs_a_second=runs_a_second,
    )  # fmt: skip


def manage(index: Path, *words: str, url: str = "") -> str:
    command, environment = [sys.executable, "manage.py", *words], environment_of(index, url=url)
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def check_room(runs: int) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    needed_gb = runs * KB_A_RUN[body_bytes_of(runs)] / 1e6
    free_gb = shutil.disk_usage(FOLDER).free / 1e9
    if free_gb < needed_gb:
        raise NoRoom(f"{runs:,} runs need about {needed_gb:.0f} GB in {FOLDER}, of which {free_gb:.0f} GB are free.")
