"""Text to clauses and back. `parsed(str(filter))` is `filter`, and every error says where the faulty clause stands."""

import re

from .filter_names import (
    COMPARISONS,
    METADATA,
    NAMES,
    TEXT,
    Clause,
    FilterError,
    problem_with,
)

NAME = rf"(?i:{'|'.join((*NAMES, METADATA))})(?=[:=<>.]\S)|[a-z_]+"  # a known one in any case, where a value follows
CLAUSE = re.compile(
    rf'(?P<not>-)?(?:(?:(?P<name>{NAME})(?:\.(?:"(?P<quoted_key>(?:[^"\\]|\\.)*)"|(?P<key>[^\s"=:<>]*)))?'
    r'(?P<operator>>=|<=|[:=<>]))?(?:"(?P<quoted>(?:[^"\\]|\\.)*)"(?=\s|$)|(?P<plain>[^\s"]+)(?=\s|$)|(?P<none>(?=\s|$))))',
    re.DOTALL,
)
PLAIN_TEXT = re.compile(r'[^\s"\\:=<>-][^\s"\\:=<>]*')
PLAIN_VALUE = re.compile(r'[^\s"]+')
PLAIN_KEY = re.compile(r'[^\s"=:<>]+')
WHITE = re.compile(r"\s*")


def clauses_of(text: str) -> list[Clause]:
    """The clauses of `text` in order, each once. Raises FilterError."""
    found: dict[Clause, None] = {}
    place = WHITE.match(text).end()
    while place < len(text):
        match = CLAUSE.match(text, place)
        if match is None or match.end() == place:
            faulty = text[place:].split(maxsplit=1)[0]
            raise FilterError(
                faulty, f"“{faulty[:80]}” has a quotation mark that does not enclose a whole value.", place
            )
        clause = clause_of(match)
        problem = twice_negated(match) or problem_with(clause)
        if problem:
            raise FilterError(match.group(), problem, place)
        found[clause] = None
        place = WHITE.match(text, match.end()).end()
    return list(found)


def twice_negated(match: re.Match[str]) -> str:
    if match["not"] and match["name"] is None and (match["plain"] or "").startswith("-"):
        return "One minus sign excludes what follows. To look for a word that begins with one, put it in quotes."
    return ""


def clause_of(match: re.Match[str]) -> Clause:
    name, operator = match["name"] and match["name"].lower(), match["operator"]
    value = match["plain"] or ""
    if match["quoted"] is not None:
        value = unquoted(match["quoted"])
    key = match["key"] or unquoted(match["quoted_key"] or "")
    if name is None:
        return Clause(TEXT, value, is_negated=bool(match["not"]))
    if name == METADATA:
        return Clause(METADATA, value, operator if operator in COMPARISONS else "=", key, bool(match["not"]))
    if match["key"] is not None or match["quoted_key"] is not None:
        name = f"{name}.{key}"
    return Clause(name, value, ":" if operator == "=" else operator, "", bool(match["not"]))


def text_of(clause: Clause) -> str:
    sign = "-" if clause.is_negated else ""
    if clause.name == TEXT:
        return sign + (clause.value if PLAIN_TEXT.fullmatch(clause.value) else quoted(clause.value))
    value = clause.value if PLAIN_VALUE.fullmatch(clause.value) else quoted(clause.value)
    if clause.name == METADATA:
        key = clause.key if PLAIN_KEY.fullmatch(clause.key) else quoted(clause.key)
        return f"{sign}{METADATA}.{key}={value}"
    return f"{sign}{clause.name}{clause.operator}{value}"


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
