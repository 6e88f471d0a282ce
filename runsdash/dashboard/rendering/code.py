"""Highlights source text as HTML. Owns the mapping from Pygments' tokens to the stylesheet's classes.

It tells JSON from Python and knows no other language: a wrong guess is worse than plain text.
"""

import json
import re
from collections.abc import Iterator
from itertools import groupby

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer
from pygments.lexers.data import JsonLexer
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

from .cache import render_cache
from .visible import visible

VERSION = "code-1"
HIGHLIGHTED_CHARS = 16 * 1024  # longer text stays plain: a page must not wait for a lexer
BLANK_RUN = re.compile(r"\s{400}")  # the Python lexer needs quadratic time for these
MAX_NAMED = 100  # and for `\N{`, which begins a character's name
CLASSES = (
    (Comment, "c"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (String, "s"),
    (Number, "m"),
    (Name.Tag, "f"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Builtin, "f"),
    (Name.Decorator, "f"),
)
PYTHON_LINE = re.compile(r"^\s*(?:import \w|from [\w.]+ import |def \w+\(|class \w+|for \w+ in |print\(|\w+ = )", re.M)


def highlighted(text: str, language: str = "") -> SafeString:
    """Writes the inside of a `<pre class="code">`: escaped, highlighted when `text` is short."""
    language = language or guessed_language(text)
    if not language or len(text) > HIGHLIGHTED_CHARS or is_slow(text):
        return escape(visible(text))
    return mark_safe(render_cache.get(VERSION, language, text, render=lambda: spans(text, language)))


def is_slow(text: str) -> bool:
    return bool(BLANK_RUN.search(text)) or text.count("\\N{") > MAX_NAMED


def guessed_language(text: str) -> str:
    """Returns `json`, `python`, or "" when it is neither beyond doubt."""
    if len(text) > HIGHLIGHTED_CHARS:
        return ""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return "json"
    return "python" if len(PYTHON_LINE.findall(text)) >= 2 else ""


def lexer_for(language: str) -> Lexer | None:
    lexers = {"python": PythonLexer, "py": PythonLexer, "json": JsonLexer}
    lexer = lexers.get(language.lower())
    return lexer(stripnl=False, ensurenl=False) if lexer else None


def spans(text: str, language: str) -> str:
    lexer = lexer_for(language)
    if lexer is None:
        return escape(visible(text))
    pieces = groupby(lexer.get_tokens(visible(text)), key=lambda pair: css_class(pair[0]))
    return "".join(written(name, (value for _, value in pairs)) for name, pairs in pieces)


def css_class(token: _TokenType) -> str:
    return next((name for family, name in CLASSES if token in family), "")


def written(name: str, values: Iterator[str]) -> str:
    text = escape("".join(values))
    return f'<span class="{name}">{text}</span>' if name else text
