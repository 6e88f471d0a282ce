"""Files of JSON lines as blocks: every line once and in order, cut where a thread begins, none beyond bounds."""

import io
from datetime import UTC, datetime

from runsdash.index.importing.blocks import BLOCK_BYTES, MAX_LINE_BYTES, READ_BYTES, TOO_LONG, ImportSource
from runsdash.index.importing.run_import import BYTES_A_TRANSACTION, IN_FLIGHT

AGE = datetime(2026, 11, 20, tzinfo=UTC)
THREAD = b'{"object":"thread","id":"thread_%d"}'
MESSAGE = b'{"object":"thread.message","text":"' + b"x" * 50_000 + b'"}'


def source(content: bytes) -> ImportSource:
    return ImportSource("file", io.BytesIO(content), AGE)


def test_blocks_hold_every_line_once_and_begin_with_a_thread() -> None:
    lines = [line for number in range(60) for line in (THREAD % number, *[MESSAGE] * (number % 7), b"")]
    for end in (b"", b"\n"):
        blocks = list(source(b"\n".join(lines) + end).blocks())
        found = [line for block in blocks for line in block.lines]
        assert found == (lines if end else lines[:-1])
        assert len(blocks) > 2
        assert all(block.lines[0].startswith(b'{"object":"thread"') for block in blocks)
        assert all(BLOCK_BYTES <= block.size <= BLOCK_BYTES + READ_BYTES for block in blocks[:-1])
        assert [block.first for block in blocks] == [
            1 + sum(len(one.lines) for one in blocks[:place]) for place in range(len(blocks))
        ]


def test_a_run_of_one_thread_is_cut_between_runs() -> None:
    lines = [line for _ in range(50) for line in (b'{"object":"thread.run"}', MESSAGE, MESSAGE, MESSAGE)]
    blocks = list(source(b"\n".join(lines)).blocks())
    assert len(blocks) == 2
    assert blocks[1].lines[0] == lines[0]


def test_a_line_that_is_too_long_says_so_and_the_rest_goes_on() -> None:
    long = b"x" * (MAX_LINE_BYTES + 2 * READ_BYTES)
    for last in (b"", b"\nlast"):
        found = [line for some in source(b"first\n" + long + last).lines() for line in some]
        assert found == [b"first", TOO_LONG, *last.split()]


def test_an_empty_file_has_no_blocks() -> None:
    assert not list(source(b"").blocks())


def test_two_processes_have_enough_to_read_while_a_transaction_is_written() -> None:
    assert 2 * IN_FLIGHT * BLOCK_BYTES > BYTES_A_TRANSACTION
