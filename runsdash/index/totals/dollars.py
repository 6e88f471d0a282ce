"""Writes what runs cost as text: the one place, for pages and messages."""


def dollars_text(dollars: float, *, places: int = 2) -> str:
    """Writes `$1,234.50`; `<$0.01` for what is less than the last place shows, and yet something."""
    least = 10**-places
    return f"<${least:.{places}f}" if 0 < dollars < least / 2 else f"${dollars:,.{places}f}"
