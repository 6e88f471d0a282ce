"""Writes scripted answers: deterministic, and never pretending to be a model's.

A fact is what a step of the run brought: `{"kind": tool | code | plot | search | approval | note, …}`.
"""

import json

from runsdash.sandbox.json_objects import JsonObject

QUOTE_MAX = 600
MARK = "【{at}:0†{name}】"
PASSAGE = (
    "This is a long scripted answer. The van leaves the depot at dusk and follows the coast road north. "
    "Each parcel is scanned at the gate, weighed once and given a place. The driver signs for the cold boxes "
    "and checks the logger before the door closes. At the harbor the papers are read again, and what lacks a "
    "code waits for one. By morning the first doors are reached and the first signatures are taken."
)
PATTERN = PASSAGE.split()


def long_text(count: int) -> str:
    """Writes exactly `count` words, in paragraphs of sixty."""
    chosen = [PATTERN[at % len(PATTERN)] for at in range(count)]
    return "\n\n".join(" ".join(chosen[at : at + 60]) for at in range(0, count, 60))


def answer_without_facts(text: str, *, name: str) -> str:
    """Writes the short answer to a message without a command."""
    words = " ".join(text.split())
    if not words:
        return f"{name} is scripted and the thread has no user message yet. Send one, then start a run."
    quoted = words if len(words) <= 160 else words[:159] + "…"
    return (
        f"You wrote: “{quoted}”\n\nThis sandbox answers from a script; no model has read your message. "
        "Commands such as `/code 6*7`, `/search refunds` or `/tools` make it work harder."
    )


def answer(facts: list[JsonObject], *, text: str, name: str) -> tuple[str, list[JsonObject], list[str]]:
    """Writes the closing answer: its text, its annotations, and the ids of images shown in it."""
    if not facts:
        return answer_without_facts(text, name=name), [], []
    parts: list[str] = []
    annotations, images = [], []
    for fact in facts:
        start = sum(len(part) + 2 for part in parts)
        sentence, notes = SENTENCES[fact["kind"]](fact)
        parts.append(sentence)
        annotations += [shifted(note, start) for note in notes]
        images += [fact["file_id"]] if fact.get("file_id") else []
    return "\n\n".join(parts), annotations, images


def shifted(note: JsonObject, by: int) -> JsonObject:
    return note | {"start_index": note["start_index"] + by, "end_index": note["end_index"] + by}


def tool_sentence(fact: JsonObject) -> tuple[str, list[JsonObject]]:
    output = fact["output"]
    quoted = output if len(output) <= QUOTE_MAX else output[:QUOTE_MAX] + f"… ({len(output):,} characters in all)"
    if len(quoted) > 80 or "\n" in quoted:
        return f"`{fact['name']}` answered:\n\n```\n{quoted}\n```", []
    return f"`{fact['name']}` answered: {quoted}", []


def approval_sentence(fact: JsonObject) -> tuple[str, list[JsonObject]]:
    if fact["approve"]:
        return f"You approved `{fact['name']}`. The sandbox has no such server, so nothing was done.", []
    return f"You declined `{fact['name']}`, so it was not called.", []


def code_sentence(fact: JsonObject) -> tuple[str, list[JsonObject]]:
    return f"The code `{fact['input']}` printed **{fact['logs'].strip()}**.", []


def plot_sentence(fact: JsonObject) -> tuple[str, list[JsonObject]]:
    return f"The chart shows {len(fact['values'])} values: {', '.join(f'{v:g}' for v in fact['values'])}.", []


def search_sentences(fact: JsonObject) -> tuple[str, list[JsonObject]]:
    if not fact["results"]:
        return f"Nothing in the bundled documents matches “{fact['query']}”.", []
    text, notes = f"On “{fact['query']}” the documents say:", []
    for at, result in enumerate(fact["results"][:3]):
        mark = MARK.format(at=4 + at, name=result["file_name"])
        text += f"\n- {result['content'][0]['text']} "
        notes.append(citation(mark, file_id=result["file_id"], start=len(text)))
        text += mark
    return text, notes


def citation(mark: str, *, file_id: str, start: int) -> JsonObject:
    """Makes a file citation; its indexes count characters of the message's text."""
    return {
        "type": "file_citation",
        "text": mark,
        "start_index": start,
        "end_index": start + len(mark),
        "file_citation": {"file_id": file_id},
    }


def as_json(text: str) -> str:
    """Writes the same answer for `response_format: json_object`."""
    return json.dumps({"answer": text}, ensure_ascii=False)


def note_sentence(fact: JsonObject) -> tuple[str, list[JsonObject]]:
    return fact["text"], []


SENTENCES = {
    "note": note_sentence,
    "tool": tool_sentence,
    "approval": approval_sentence,
    "code": code_sentence,
    "plot": plot_sentence,
    "search": search_sentences,
}
