"""Draws the image of the scripted code interpreter: a small bar chart as PNG bytes. Pure Python."""

import struct
import zlib

WIDTH, HEIGHT, MARGIN = 480, 280, 28
PAPER, AXIS, GRID = b"\xff\xff\xff", b"\x44\x4b\x55", b"\xe3\xe6\xea"
BARS = (b"\x3b\x6f\xb6", b"\xd9\x8a\x2b")


def bars(values: list[float]) -> bytes:
    """Draws a PNG of 480x280 pixels with one bar a value (negative values count as zero)."""
    heights = scaled(values)
    rows = [bytearray(PAPER * WIDTH) for _ in range(HEIGHT)]
    for y in range(MARGIN, HEIGHT - MARGIN, 44):
        fill(rows, x=MARGIN, y=y, width=WIDTH - 2 * MARGIN, height=1, color=GRID)
    slot = (WIDTH - 2 * MARGIN) // max(len(heights), 1)
    for at, height in enumerate(heights):
        left = MARGIN + at * slot + slot // 6
        fill(rows, x=left, y=HEIGHT - MARGIN - height, width=slot * 2 // 3, height=height, color=BARS[at % 2])
    fill(rows, x=MARGIN, y=HEIGHT - MARGIN, width=WIDTH - 2 * MARGIN, height=2, color=AXIS)
    fill(rows, x=MARGIN, y=MARGIN, width=2, height=HEIGHT - 2 * MARGIN, color=AXIS)
    return png(rows)


def scaled(values: list[float]) -> list[int]:
    room = HEIGHT - 2 * MARGIN - 6
    top = max([*values, 0.0]) or 1.0
    return [int(room * max(value, 0) / top) for value in values]


def fill(rows: list[bytearray], *, x: int, y: int, width: int, height: int, color: bytes) -> None:
    for row in rows[y : y + height]:
        row[x * 3 : (x + width) * 3] = color * width


def png(rows: list[bytearray]) -> bytes:
    raw = b"".join(b"\x00" + bytes(row) for row in rows)
    head = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 6)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
