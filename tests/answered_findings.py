"""`python -m tests.answered_findings`: bandit over runsdash. What it finds is mended, or answered here with a reason.

An answer holds for a kind of finding in the modules that are named; the same kind elsewhere is a finding again.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = "dashboard/management/commands/demo index/keeping/backup sync/key_command"
MARKUP = (
    "dashboard/overview/cells dashboard/rendering/code dashboard/rendering/hits dashboard/rendering/json_tree dashboard/rendering/markdown "
    "dashboard/run/live_panel dashboard/run/timeline_rows dashboard/runs/cells dashboard/runs/facet_menus dashboard/runs/narrowing dashboard/threads/cells "
    "dashboard/shell/frame_parts dashboard/shell/kept_parts dashboard/shell/markup dashboard/templatetags/bars dashboard/templatetags/rendered dashboard/templatetags/shown "
    "dashboard/threads/calls dashboard/threads/run_rows dashboard/threads/turns dashboard/rendering/message_parts"
)
RAW_SQL = "index/connections index/run_states index/storage/run_reads"
SQL = (
    f"{RAW_SQL} actions/outputs/people audit/triggers index/exporting/chosen index/keeping/archive "
    "index/search/filter_totals index/search/inbox_rows index/search/index_ranges "
    "index/search/listed_runs index/search/metadata_predicates index/search/note_predicates index/search/plan "
    "index/search/predicates index/search/scans "
    "index/search/sql_pieces index/search/summed_runs index/search/thread_predicates index/search/thread_sums index/search/value_counts index/search/values_of_connection "
    "index/storage/measures "
    "index/storage/sql_writes index/totals/kept_days index/totals/last_runs index/totals/right_now index/totals/run_counts index/totals/span_reads index/totals/zone_days row_access row_access_rules "
    "sandbox/protocol/paging sync/budget/shared_budget sync/lease sync/store_answers"
)
ANSWERS = {
    "B101": ("narrows a type after a test that was made", "dashboard/overview/counted index/totals/right_now"),
    "B105": (
        "names a variable, a kind of server or an empty lease, and holds no secret",
        "accounts/management/commands/add_user dashboard/admin/profile service/providers sync/refresh",
    ),
    "B106": ("empties a lease's token, which is no secret", "sync/jobs/jobs sync/lease sync/refresh"),
    "B302": ("reads a nameless file that the same process wrote", "index/importing/sorted_lines"),
    "B308": ("see B703", MARKUP),
    "B310": ("asks the demo's own address on loopback", "dashboard/management/commands/demo"),
    "B311": (
        "spreads retries and makes up a past; no secret comes of it",
        "sandbox/seed/history sandbox/switches/faults service/retry",
    ),
    "B404": ("see B603", PROGRAMS),
    "B603": ("starts programs without a shell, which the code or the environment names", PROGRAMS),
    "B604": ("is the page's frame, not a shell", "dashboard/inbox/inbox"),
    "B608": ("joins names of tables and columns and `%s`; all values are parameters", SQL),
    "B611": ("see B608", f"accounts/sessions {RAW_SQL}"),
    "B703": ("escaped or sanitised before: tests/test_hostile_markup.py, tests/browser/test_hostile.py", MARKUP),
}


def findings() -> list[dict[str, str]]:
    scan = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json", "runsdash"]
    told = subprocess.run(scan, cwd=ROOT, capture_output=True, text=True)
    results: list[dict[str, str]] = json.loads(told.stdout)["results"]
    return results


def unanswered(found: list[dict[str, str]]) -> Iterator[str]:
    for one in found:
        module = one["filename"].removeprefix("runsdash/").removesuffix(".py")
        if module not in ANSWERS.get(one["test_id"], ("", ""))[1].split():
            yield f"{one['filename']}:{one['line_number']} {one['test_id']} {one['issue_text']}"


def idle(found: list[dict[str, str]]) -> Iterator[str]:
    """Yields answers to what is not asked any more."""
    there = {(one["test_id"], one["filename"].removeprefix("runsdash/").removesuffix(".py")) for one in found}
    for number, (_, modules) in ANSWERS.items():
        for module in modules.split():
            if (number, module) not in there and number not in ("B308", "B703"):
                yield f"{number} in {module} is answered, but not found any more"


def main() -> None:
    found = findings()
    lines = [*unanswered(found), *idle(found)]
    print("\n".join(lines) or f"bandit: {len(found)} findings, all answered.")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
