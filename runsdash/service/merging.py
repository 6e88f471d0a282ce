"""Grows objects out of stream deltas: merged by `index`, growing text concatenated, the rest replaced.

A tree under growth holds `_Pieces` where text grows and `_Indexed` where lists grow; `settled` turns it
back into plain JSON. An index is only a key here, so a huge one costs nothing.
"""

from typing import Any, TypeAlias

from runsdash.service.objects.tool_types import INPUT_KEYS, OUTPUT_KEYS

from .json_types import Json

_GROWING = {"logs", "value", "refusal"} | INPUT_KEYS | OUTPUT_KEYS


class _Pieces(list[str]):
    """Holds text that still grows; it is joined when somebody looks."""

    def joined(self) -> str:
        if len(self) > 1:
            self[:] = ["".join(self)]
        return self[0]


class _Indexed(dict[int, dict[str, Any]]):
    """Holds a list that still grows: index → item."""


_Growing: TypeAlias = Json | _Pieces | _Indexed


def merge(target: dict[str, Any], delta: dict[str, Any]) -> None:
    """Merges one delta into a tree. A null never erases what is there."""
    for key, new in delta.items():
        old = target.get(key)
        if new is None:
            target.setdefault(key, None)
        elif isinstance(new, str) and key in _GROWING:
            target[key] = _grown(old, new)
        elif isinstance(new, dict):
            target[key] = old if isinstance(old, dict) and not isinstance(old, _Indexed) else {}
            merge(target[key], new)
        elif isinstance(new, list) and all(isinstance(item, dict) for item in new):
            target[key] = _as_indexed(old)
            _merge_items(target[key], new, appends=key == "annotations")
        else:
            target[key] = new


def settled(tree: Any) -> Any:
    """Copies a tree as plain JSON, lists in the order of their indices."""
    if isinstance(tree, _Pieces):
        return tree.joined()
    if isinstance(tree, _Indexed):
        return [settled(tree[index]) for index in sorted(tree)]
    if isinstance(tree, dict):
        return {key: settled(value) for key, value in tree.items()}
    return [settled(item) for item in tree] if isinstance(tree, list) else tree


def _grown(old: _Growing, new: str) -> _Pieces:
    pieces = old if isinstance(old, _Pieces) else _Pieces([old] if isinstance(old, str) else [])
    pieces.append(new)
    return pieces


def _as_indexed(old: _Growing) -> _Indexed:
    if isinstance(old, _Indexed):
        return old
    items = old if isinstance(old, list) else []
    return _Indexed((place, item) for place, item in enumerate(items) if isinstance(item, dict))


def _merge_items(target: _Indexed, items: list[dict[str, Any]], *, appends: bool) -> None:
    for place, item in enumerate(items):
        index = item.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = _index_of(target, item, max(target, default=-1) + 1 if appends else place)
        fields = {key: value for key, value in item.items() if key != "index"}
        merge(target.setdefault(index, {}), fields)


def _index_of(target: _Indexed, item: dict[str, Any], otherwise: int) -> int:
    """Finds the item that a delta without an index continues: the one with its id."""
    wanted = item.get("id")
    if wanted is None:
        return otherwise
    known = (index for index, other in target.items() if other.get("id") == wanted)
    return next(known, max(target, default=-1) + 1)
