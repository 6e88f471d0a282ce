"""The manual names everything the sandbox has."""

import argparse
from pathlib import Path

import pytest

from runsdash.sandbox import options, state, welcome
from runsdash.sandbox.script import command_words
from runsdash.sandbox.seed import builtin_assistants
from runsdash.sandbox.switches import control, dialects, faults

MANUAL = (Path(__file__).resolve().parent.parent.parent / "docs" / "sandbox.md").read_text()


def flags() -> list[str]:
    parser = argparse.ArgumentParser(add_help=False)
    options.add_flags(parser)
    return [action.option_strings[0] for action in parser._actions]


@pytest.mark.parametrize("flag", flags())
def test_flags(flag):
    assert f"`{flag}" in MANUAL


@pytest.mark.parametrize("kind", sorted(faults.KINDS))
def test_faults(kind):
    assert f"`{kind}`" in MANUAL


@pytest.mark.parametrize("dialect", dialects.DIALECTS)
def test_dialects(dialect):
    assert f"| `{dialect}` |" in MANUAL


@pytest.mark.parametrize("quirk", state.QUIRKS)
def test_quirks(quirk):
    assert f"| `{quirk}` |" in MANUAL


@pytest.mark.parametrize("name", command_words.NAMES)
def test_commands(name):
    assert any(line.startswith(f"| `/{name}") for line in MANUAL.split("\n"))
    assert any(known.split()[0] == f"/{name}" for known, _ in welcome.COMMANDS)


@pytest.mark.parametrize("slug", [one["id"].removeprefix("asst_sandbox") for one in builtin_assistants.ASSISTANTS])
def test_assistants(slug):
    assert f"{slug}`" in MANUAL


@pytest.mark.parametrize(("method", "path"), control.ENDPOINTS)
def test_switches(method, path):
    assert f"`{method} {path[1:]}" in MANUAL
