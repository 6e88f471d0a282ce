"""Splits the text of a filter into clauses, and writes clauses as text again.

Owns quotes, minus signs and operators; what a name or value may be is said in `filter_names`. `parsed(str(filter))` is
`filter`, and every error says where the faulty clause stands. Asks no database.
"""

import re
from functools import cache

from .filter_names import (
    COMPARISONS,
    MAX_CLAUSES,
    MAX_CONDITIONS,
    PAIRS,
    TEXT,
    Clause,
    Condition,
    FilterError,
    problem_with,
)
from .subjects import RUNS, Subject

PLAIN_TEXT = re.compile(r'[^\s"\\:=<>-][^\s"\\:=<>]*')
PLAIN_VALUE = re.compile(r'[^\s"]+')
PLAIN_KEY = re.compile(r'[^\s"=:<>]+')
TOO_MANY = (
    f"From here on it is too much: a filter has at most {MAX_CLAUSES:,} clauses and {MAX_CONDITIONS} conditions. "
    "Values of one name, such as run:, are one condition."
)


def clauses_of(text: str, subject: Subject = RUNS) -> list[Clause]:
    """Returns the clauses of `text` on a subject in order, each once. Raises FilterError."""
    clauses: dict[Clause, None] = {}
    conditions: set[Condition] = set()
    position, pattern = clause_start(text, 0), clause_pattern(subject)
    while position < len(text):
        match = pattern.match(text, position)
        if match is None or match.end() == position:
            faulty = text[position:].split(maxsplit=1)[0]
            sentence = f"“{faulty[:80]}” has a quotation mark that does not enclose a whole value."
            raise FilterError(faulty, sentence, position)
        clause = clause_of(match)
        problem = problem_with_minus(match) or problem_with_key(match) or problem_with(clause, subject)
        if problem:
            raise FilterError(match.group(), problem, position)
        clauses[clause] = None
        conditions.add(clause.condition)
        if len(clauses) > MAX_CLAUSES or len(conditions) > MAX_CONDITIONS:
            raise FilterError(match.group(), TOO_MANY, position)
        position = clause_start(text, match.end())
    return list(clauses)


@cache
def clause_pattern(subject: Subject) -> re.Pattern[str]:
    """Returns what one clause looks like. A known name may be in any case, where a value follows."""
    longest_first = sorted((*subject.names, *PAIRS), key=len, reverse=True)  # `thread` is one, too
    name = rf"(?i:{'|'.join(map(re.escape, longest_first))})(?=[:=<>.]\S)|[a-z_]+"
    return re.compile(
        rf'(?P<not>-)?(?:(?:(?P<name>{name})(?:\.(?:"(?P<quoted_key>(?:[^"\\]|\\.)*)"|(?P<key>[^\s"=:<>]*)))?'
        r'(?P<operator>>=|<=|[:=<>]))?(?:"(?P<quoted>(?:[^"\\]|\\.)*)"(?=\s|$)|(?P<plain>[^\s"]+)(?=\s|$)|'
        r"(?P<none>(?=\s|$))))",
        re.DOTALL,
    )


def clause_start(text: str, position: int) -> int:
    """Returns the first position from `position` on that is no white space."""
    return len(text) - len(text[position:].lstrip())


def problem_with_minus(match: re.Match[str]) -> str:
    if match["not"] and match["name"] is None and (match["plain"] or "").startswith("-"):
        return "One minus sign excludes what follows. To look for a word that begins with one, put it in quotes."
    return ""


def problem_with_key(match: re.Match[str]) -> str:
    """Finds metadata without a key. One that is empty on purpose is written `metadata.""=VALUE`."""
    name = (match["name"] or "").lower()
    if name not in PAIRS or match["key"] or match["quoted_key"] is not None:
        return ""
    return f"Write {name}.KEY=VALUE, for example {name}.env=prod."


def clause_of(match: re.Match[str]) -> Clause:
    """Reads one clause; `metadata.KEY:VALUE` and `name=value` come out as they are usually written."""
    name, operator, is_negated = match["name"], match["operator"], bool(match["not"])
    value = match["plain"] or unquoted(match["quoted"] or "")
    if name is None:
        return Clause(TEXT, value, is_negated=is_negated)
    name, key = name.lower(), match["key"] or unquoted(match["quoted_key"] or "")
    if name in PAIRS:
        return Clause(name, value, operator if operator in COMPARISONS else "=", key, is_negated)
    if match["key"] is not None or match["quoted_key"] is not None:
        name = f"{name}.{key}"  # only metadata has keys: `problem_with` says that the name is not known
    return Clause(name, value, ":" if operator == "=" else operator, is_negated=is_negated)


def text_of(clause: Clause) -> str:
    sign = "-" if clause.is_negated else ""
    if clause.name == TEXT:
        return sign + (clause.value if PLAIN_TEXT.fullmatch(clause.value) else quoted(clause.value))
    value = clause.value if PLAIN_VALUE.fullmatch(clause.value) else quoted(clause.value)
    if clause.name in PAIRS:
        key = clause.key if PLAIN_KEY.fullmatch(clause.key) else quoted(clause.key)
        return f"{sign}{clause.name}.{key}={value}"
    return f"{sign}{clause.name}{clause.operator}{value}"


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
