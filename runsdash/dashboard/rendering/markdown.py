"""Renders Markdown of models and users as sanitised HTML.

Two walls: the parser writes none of the text's own HTML and links only to http, https and mailto; a sanitiser
then keeps a short list of elements. Nothing is ever loaded from elsewhere: images become links.
"""

import json
import re
from collections.abc import Sequence

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from runsdash.service.json_types import Json

from .cache import render_cache
from .citations import Citation, citations, is_web_url, paths, sources
from .code import highlighted
from .files import is_file_url
from .images import inline_image
from .visible import visible

VERSION = "markdown-4"
MARKED_UP_CHARS = 64 * 1024  # longer text is shown plain
MAX_STEPS = 22_000  # of the parser: a list or table of 64 KB takes 20,000, a text of `![` would take 400,000
STEPS_OF_BLOCK = 2
STEPS_OF_MARK = {"[": 3, "!": 3, "<": 4}  # by the time they take: the parser looks for their ends
MAX_CELLS = MAX_STEPS // 2  # of tables: a cell takes two steps, but the parser counts them after the whole table
MAX_FILLED_CELLS = 4000
TOO_MANY_MARKS = '<p class="hint">Shown as plain text: it has too many marks for Markdown.</p>'
BLANK_LINE = re.compile(r"\n[ \t]*\n")
TABLE_MARKS = set("|:->\t\r ")
MAX_NESTING = 40  # the parser drops what is nested deeper, so such a text is shown plain
OPEN, CLOSE = "\ue000", "\ue001"  # private use: stand around a citation's rank while the text is parsed
PLACE = re.compile(f"{OPEN}([0-9]+){CLOSE}")
HEADING_SHIFT = 2  # a page has its own h1 and h2
REL = "noopener noreferrer nofollow"
HIGHLIGHT_CLASSES = {"k", "s", "c", "m", "f", "e"}
SANITIZER = nh3.Cleaner(
    tags={
        "a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
        "s", "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
    },
    attributes={
        "a": {"href", "title", "aria-label"},
        "ol": {"start"},
        "div": {"aria-label"},
        "pre": {"tabindex"},
        "sup": {"title"},
    },
    tag_attribute_values={"div": {"role": {"region"}, "tabindex": {"0"}}, "th": {"scope": {"col"}}},
    allowed_classes={
        "div": {"scroll"}, "td": {"num"}, "th": {"num"}, "pre": {"code"}, "span": HIGHLIGHT_CLASSES,
    },
    url_schemes={"http", "https", "mailto"},
    url_relative=lambda url: url if is_file_url(url) else None,
    link_rel=REL,
)  # fmt: skip


def markdown(text: str, annotations: Json = None, connection_slug: str = "") -> SafeString:
    """Renders `<div class="md">`, and under it chips for what the text refers to."""
    cited = annotations if isinstance(annotations, list) else []
    key = json.dumps([connection_slug, cited], default=str)
    return mark_safe(render_cache.get(VERSION, text, key, render=lambda: rendered(text, cited, connection_slug)))


def rendered(text: str, annotations: Sequence[Json], connection_slug: str) -> str:
    if len(text) > MARKED_UP_CHARS:
        return plain(text)
    marks = citations(text, annotations, connection_slug)
    environment = {
        "marks": marks,
        "originals": [text[mark.start : mark.end] for mark in marks],
        "paths": paths(annotations, connection_slug),
        "steps": 0,
    }
    shown = visible(placed(text, marks))
    try:
        cells, filled = table_cells(shown)
        if cells > MAX_CELLS or filled > MAX_FILLED_CELLS:
            raise TooManyMarks
        tokens = PARSER.parse(shown, environment)
    except TooManyMarks:
        return format_html("{}{}", mark_safe(TOO_MANY_MARKS), plain(text))
    if any(token.level >= MAX_NESTING - 2 for token in tokens):
        return plain(text)
    html = PARSER.renderer.render(tokens, PARSER.options, environment)
    body = SANITIZER.clean(visible(html))
    return f'<div class="md" dir="auto">{body}</div>{chips(annotations, connection_slug)}'


def plain(text: str) -> SafeString:
    return format_html('<pre class="code wrap" tabindex="0" dir="auto">{}</pre>', visible(text))


class TooManyMarks(Exception):
    """Says that the parser would work too long on this text."""


def count_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Counts wherever a rule for blocks is tried, since it stands before all of them."""
    return counted(state.env, STEPS_OF_BLOCK)


def count_inline(state: StateInline, silent: bool) -> bool:
    """Counts marks in a line, before all rules. The first of a line stands for the tokens around it."""
    return counted(state.env, STEPS_OF_MARK.get(state.src[state.pos], 1) + (state.pos == 0))


def counted(environment: EnvType, steps: int) -> bool:
    environment["steps"] += steps
    if environment["steps"] > MAX_STEPS:
        raise TooManyMarks
    return False


def table_cells(text: str) -> tuple[int, int]:
    """Counts the cells of tables, and those the parser may add to rows shorter than the widest."""
    cells = filled = 0
    for block in BLANK_LINE.split(text):
        lines = block.split("\n")
        pipes = [line.count("|") for line in lines]
        rules = (count for count, line in zip(pipes, lines, strict=True) if TABLE_MARKS.issuperset(line))
        columns = max(rules, default=0)
        if columns:
            cells += sum(min(line.strip(" \t\r|").count("|"), columns) + 1 for line in lines)
            filled += sum(columns - one for one in pipes if one < columns)
    return cells, filled


def placed(text: str, marks: Sequence[Citation]) -> str:
    """Puts the rank of each mark, between OPEN and CLOSE, in its place."""
    pieces, position = [], 0
    for rank, mark in enumerate(marks):
        pieces += [clear(text[position : mark.start]), f"{OPEN}{rank}{CLOSE}"]
        position = mark.end
    return "".join([*pieces, clear(text[position:])])


def clear(text: str) -> str:
    return text.replace(OPEN, "\ufffd").replace(CLOSE, "\ufffd")


def chips(annotations: Sequence[Json], connection_slug: str) -> str:
    cited = list(sources(annotations, connection_slug).values())
    if not cited:
        return ""
    link, name = '<a class="chip" href="{}" rel="{}">[{}] {}</a>', '<span class="chip">[{}] {}</span>'
    shown = [
        format_html(link, one.url, REL, number, one.label) if one.url else format_html(name, number, one.label)
        for number, one in enumerate(cited, start=1)
    ]
    return f'<div class="files">{"".join(shown)}</div>'


class Renderer(RendererHTML):
    """Writes what differs from plain Markdown: links, images, tables, code, headings, citations."""

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return PLACE.sub(lambda match: citation(env, int(match.group(1))), escape(tokens[idx].content))

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<code>{escape(restored(env, tokens[idx].content))}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<pre class="code" tabindex="0">{escape(restored(env, tokens[idx].content))}</pre>\n'

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        language = tokens[idx].info.split(maxsplit=1)[:1]
        code = highlighted(restored(env, tokens[idx].content), language[0] if language else "text")
        return f'<pre class="code" tabindex="0">{code}</pre>\n'

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        href = str(tokens[idx].attrGet("href") or "")
        url = env["paths"].get(href, "") if href.startswith("sandbox:") else href
        env["in_link"] = bool(url)
        title = tokens[idx].attrGet("title")
        shown = format_html(' title="{}"', restored(env, str(title))) if title else ""
        return format_html('<a href="{}"{}>', url, shown) if url else ""

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</a>" if env.pop("in_link", False) else ""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        source = str(tokens[idx].attrGet("src") or "")
        url = env["paths"].get(source, "") if source.startswith("sandbox:") else source
        name = restored(env, self.renderInlineAsText(tokens[idx].children, options, env))
        name = name or inline_image(source) or url or source
        if env.get("in_link") or not url:
            return format_html("[image: {}]", name)
        return format_html('<a href="{}">[image: {}]</a>', url, name)

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{shifted(tokens[idx].tag)}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{shifted(tokens[idx].tag)}>\n"

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<th scope="col"{aligned(tokens[idx])}>'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<td{aligned(tokens[idx])}>"


def citation(env: EnvType, rank: int) -> str:
    mark = env["marks"][rank]
    if not mark.url:
        return format_html('<sup title="{}">[{}]</sup>', mark.label, mark.number)
    link = '<sup><a href="{}" aria-label="Citation {}, {}">[{}]</a></sup>'
    return format_html(link, mark.url, mark.number, mark.label, mark.number)


def restored(env: EnvType, text: str) -> str:
    """Puts back the author's words where a citation cannot stand: in code and in attributes."""
    return PLACE.sub(lambda match: env["originals"][int(match.group(1))], text)


def shifted(tag: str) -> str:
    return f"h{min(6, int(tag[1:]) + HEADING_SHIFT)}"


def aligned(token: Token) -> str:
    """Returns a class for right-aligned cells, since the CSP forbids inline styles."""
    return ' class="num"' if "right" in str(token.attrGet("style") or "") else ""


class Parser(MarkdownIt):
    """Links to few schemes."""

    def validateLink(self, url: str) -> bool:
        scheme = url.partition(":")[0].lower()
        return scheme in {"sandbox", "mailto"} or is_web_url(url)


def new_parser() -> MarkdownIt:
    """Builds a parser of Markdown with tables and strikethrough, without HTML."""
    parser = Parser("commonmark", {"html": False, "breaks": True, "maxNesting": MAX_NESTING}, renderer_cls=Renderer)
    parser.enable(["table", "strikethrough"])
    parser.block.ruler.before("table", "steps", count_block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.inline.ruler.before("text", "steps", count_inline)
    return parser


PARSER = new_parser()
