"""Turns objects of the service into columns of rows. No database."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from types import MappingProxyType
from typing import TypeVar

from isal.isal_zlib import compress

from runsdash.index.run_columns import ERROR_CHARS, OF_USAGE, token_count
from runsdash.index.storage.keys import MESSAGE_ORDER_BITS, MESSAGE_RANK_BIT, STEP_ORDER_BITS, STEP_RANK_BIT
from runsdash.index.storage.previews import MAX_CALLS_IN_ROW, SHORT_BODY_BYTES, call_row, message_parts
from runsdash.index.storage.sql_writes import Row
from runsdash.index.storage.storable_text import ID_CHARS, cut, dumped, storable, storable_json, stored_id
from runsdash.service.json_types import Json, JsonFields, JsonObject
from runsdash.service.objects import Message, RunStep, ToolCall, Usage, sorted_steps

Item = TypeVar("Item", RunStep, Message)
PACKED_FROM_BYTES = 1024  # below that packing saves too little for its time
PACKING = 3  # of isal's levels: packs better than zlib's 1, in a third to a twentieth of its time
TOOLS = 200  # different names of one run
STEP_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def seconds_between(start: datetime | None, end: datetime | None) -> int | None:
    if start is None or end is None:
        return None
    return bounded(int((end - start).total_seconds()))


def bounded(seconds: int) -> int:
    """Returns a stretch of time that a column can hold."""
    return max(0, min(seconds, 2**31 - 1))


def body_row(raw: Json, *, fetched_at: datetime, preview: Callable[[], JsonObject] = dict) -> Row:
    """Makes the row of a body. `preview` is called when the body is too long to make one at each reading."""
    text = dumped(raw)
    return {
        "size": len(text),
        "digest": digest_of(text),
        "fetched_at": fetched_at,
        "preview": preview() if len(text) >= SHORT_BODY_BYTES else {},
        "raw": packed(text),
    }


def digest_of(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()


def packed(text: bytes) -> bytes:
    """Packs a body as it is stored: short ones as they are, others by zlib (the first byte says which)."""
    if len(text) < PACKED_FROM_BYTES and text.startswith(b"{"):
        return text
    return compress(text, PACKING)


def token_columns(usage: Usage | None) -> Row:
    """Reads the counts of a step."""
    return {column.name: token_count(column, usage) for column in OF_USAGE if column.name in STEP_COUNTS}


def first_position(step: RunStep, *, run_created_at: datetime) -> int:
    """Returns the position of the first step of its second and rank, as drawn in storage/keys.py."""
    second = seconds_between(run_created_at, step.created_at) or 0
    return second << STEP_ORDER_BITS | (STEP_RANK_BIT if step.type == "message_creation" else 0)


def steady(group: Iterable[Item], positions: Mapping[str, int], *, is_reversed: bool = False) -> list[Item]:
    """Keeps what shares a second as it came; by id, when those known came in another order before.

    `is_reversed`: the list was newest first. Some servers leave what shares a second oldest first there.
    """
    items = list(group)
    orders = [items]
    if is_reversed:
        orders.append(sorted(items, key=second_of, reverse=True)[::-1])
    in_place = (order for order in orders if are_in_place(order, positions))
    return next(in_place, None) or sorted(items, key=lambda item: (second_of(item), item.id))


def are_in_place(items: Iterable[Item], positions: Mapping[str, int]) -> bool:
    before = [positions[known] for item in items if (known := stored_id(item.id)) in positions]
    return before == sorted(before)


def second_of(item: RunStep | Message) -> float:
    """Tells apart what was created before its run, by a clock that is behind: it all counts from the run's second."""
    return item.created_at.timestamp() if item.created_at else float("inf")


def positioned_steps(
    steps: Iterable[RunStep],
    *,
    run_created_at: datetime,
    after: int | None = None,
    known: Mapping[str, int] = MappingProxyType({}),
    is_reversed: bool = False,
) -> Iterator[tuple[RunStep, int]]:
    """Yields steps in their order with positions; `after` is the position of the last step before this page.

    `known`: positions of steps that are there already, by id.
    """

    def group_of(step: RunStep) -> int:
        return first_position(step, run_created_at=run_created_at)

    for base, group in groupby(sorted_steps(steps), key=group_of):
        place = after - base + 1 if after is not None and base_of(after) == base else 0
        in_order = list(group)
        if known:
            in_order = steady(in_order, known, is_reversed=is_reversed)
        # A page may lack what stands between two of its steps: these stay where they are.
        kept = known if known and are_in_place(in_order, known) else {}
        for step in in_order:
            before = kept.get(stored_id(step.id), base) if kept else base
            if base_of(before) == base:
                place = max(place, before - base)
            yield step, base | min(place, STEP_RANK_BIT - 1)
            place += 1


def base_of(position: int) -> int:
    """Returns the position of the first step of the same second and rank."""
    return position & ~(STEP_RANK_BIT - 1)


def step_columns(step: RunStep, *, position: int) -> Row:
    error, calls = step.last_error, step.tool_calls
    return {
        "position": position,
        "type": cut(step.type or "unknown", 40),
        "kind": step.kind,
        "status": cut(step.status or "unknown", 40),
        "ended_at": step.ended_at,
        **token_columns(step.usage),
        "error_code": cut(error.code or "", ID_CHARS) if error else "",
        "error_message": cut(error.message or "", ERROR_CHARS) if error else "",
        "message_upstream_id": cut(step.message_id or "", ID_CHARS),
        "calls": [call_row(call) for call in calls[:MAX_CALLS_IN_ROW]],
        "call_count": len(calls),
    }


def positioned_messages(
    messages: Iterable[Message],
    *,
    fallback: datetime,
    known: Mapping[str, int] = MappingProxyType({}),
    is_reversed: bool = False,
) -> Iterator[tuple[Message, datetime, int]]:
    """Yields messages oldest first with (created_at, position); users' before others of the same second."""

    def order(message: Message) -> tuple[int, bool]:
        return int((message.created_at or fallback).timestamp()), message.role != "user"

    for (second, is_answer), group in groupby(sorted(messages, key=order), key=order):
        rank = MESSAGE_RANK_BIT if is_answer else 0
        for within, message in enumerate(steady(group, known, is_reversed=is_reversed) if known else group):
            position = max(0, second) << MESSAGE_ORDER_BITS | rank | min(within, MESSAGE_RANK_BIT - 1)
            yield message, message.created_at or fallback, position


def message_columns(message: Message, *, position: int) -> Row:
    return {
        "run_upstream_id": cut(message.run_id or "", ID_CHARS),
        "assistant_id": cut(message.assistant_id or "", ID_CHARS),
        "role": cut(message.role or "unknown", 40),
        "status": cut(message.status or "", 40),
        "incomplete_reason": cut(message.incomplete_reason or "", ID_CHARS),
        "position": position,
        "parts": message_parts(message),
        "attachments": storable_json(message.attachments[:100]),
        "metadata": storable_json(message.metadata or {}),
    }


def metadata_pairs(metadata: JsonFields) -> dict[str, str]:
    """Returns the pairs that filters look for, cut to what an index holds."""
    return {storable(str(key))[:64]: storable(str(value))[:512] for key, value in list(metadata.items())[:64]}


def tool_names(calls: Iterable[ToolCall]) -> list[str]:
    """Lists the different names of tools that are called, in order; nameless calls have none."""
    names = dict.fromkeys(cut(call.name or "", ID_CHARS) for call in calls)
    return [name for name in names if name][:TOOLS]
