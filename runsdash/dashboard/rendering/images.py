"""Names images by kind and size where they are not shown. Loads nothing."""

import re

from runsdash.service.json_types import Json

KB = 1024
INLINE = re.compile(r"data:(?P<kind>[\w.+-]+/[\w.+-]+)?[^,]{0,200}?(?P<base64>;base64)?,", re.IGNORECASE)


def in_kb(chars: Json) -> str:
    """Writes a size: `812 B`, `64 KB`, `20.0 MB`."""
    if not isinstance(chars, int):
        return "—"
    if chars < KB:
        return f"{chars} B"
    if chars < KB * KB:
        return f"{chars / KB:.1f}".removesuffix(".0") + " KB"
    return f"{chars / KB / KB:.1f} MB"


def inline_image(url: str, size: int | None = None) -> str:
    """Names an image that an address holds itself, `size` characters as a whole; "" for any other address."""
    match = INLINE.match(url)
    if not match:
        return ""
    chars = (size or len(url)) - match.end()
    held = in_kb(chars * 3 // 4 if match["base64"] else chars)
    return f"inline image, {'' if size else 'at least '}{held} ({match['kind'] or 'of no named kind'})"
