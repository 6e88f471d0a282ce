"""Draws the icon of the tab with the number of runs that need an answer. It tells nothing of any of them."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from .markup import markup

MOST = 99
FOREVER = "public, max-age=31536000, immutable"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#15759a" '
    'd="M1 2.5h7v2.6H1zM4.5 6.7h8v2.6h-8zM9.5 10.9H15v2.6H9.5z"/><rect x="{}" y="6" width="{}" height="10" rx="3" '
    'fill="#8a4f00"/><text x="{}" y="14" text-anchor="middle" font-family="sans-serif" font-size="9" '
    'font-weight="700" fill="#fff">{}</text></svg>'
)


@require_safe
def icon(request: HttpRequest, number: int) -> HttpResponse:
    """Draws it with a number up to MOST; static/js/page.js asks for it."""
    text = str(min(number, MOST))
    width = 7 if len(text) == 1 else 12
    svg = markup(SVG, 16 - width, width, 16 - width / 2, text)
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Cache-Control": FOREVER})
