"""NaN and numbers that would become infinite are no JSON: none gets in, so none is written."""

import ast
import json
from pathlib import Path

import pytest
import requests

from runsdash.service import InvalidRequest, tool_output
from runsdash.service.decoding import decode_json, strict_json

ROOT = Path(__file__).resolve().parent.parent.parent / "runsdash"
NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"]
# These read what RunsDash has written itself, or only look whether a text is JSON, or compare and show what they read.
READ_OWN_TEXT = {
    "actions/outputs/outputs.py", "audit/models.py", "dashboard/compare/text_diff.py", "dashboard/inbox/output_schemas.py",
    "dashboard/rendering/code.py", "dashboard/run_actions/metadata.py", "index/fulltext/writer.py",
    "index/search/inbox_rows.py", "index/search/listed_runs.py", "index/storage/bodies.py", "index/storage/measures.py",
    "sandbox/protocol/files.py", "sandbox/protocol/paging.py", "sandbox/protocol/wire.py",
    "sandbox/store.py", "settings.py", "sync/clients.py",
}  # fmt: skip


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_no_such_number_is_read_or_written(number):
    for text in (number, f'[{{"a": {number}}}]'):
        with pytest.raises(ValueError, match="no number of JSON"):
            strict_json(text)
        assert json.loads(json.dumps(decode_json(text.encode()), allow_nan=False)) in (None, [{"a": None}])
    with pytest.raises(InvalidRequest, match="JSON cannot carry"):
        tool_output("call_1", {"a": float(number)})


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_the_sandbox_takes_none_either(upstream, number):
    body = f'{{"metadata": {{"a": {number}}}}}'
    headers = {"Authorization": f"Bearer {upstream.api_key}"}
    answer = requests.post(f"{upstream.base_url}/threads", data=body, headers=headers, timeout=5)
    assert answer.status_code == 400
    assert "could not parse the JSON body" in answer.json()["error"]["message"]


def calls_of_loads(path: Path) -> list[ast.Call]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) == "json.loads"]


def test_whatever_else_reads_json_refuses_them():
    lenient = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for call in calls_of_loads(path)
        if "parse_constant" not in {one.arg for one in call.keywords}
    }
    assert lenient == READ_OWN_TEXT
