"""Writes upstream ids into paths of ours. Ids are opaque; nothing else writes them into paths."""

import re

from runsdash.index.ids import OUR_WORDS, id_written

UNFIT = re.compile(r"[~/\\?#%]")  # proxies and servers decode, split or cut an address there, quoted or not


class IdConverter:
    """Writes `~2F` for a slash, and so on; an ordinary id stands as it is."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return id_written(value)

    def to_url(self, value: str) -> str:
        if value in OUR_WORDS:
            return escaped(value[0]) + value[1:]
        if value and not value.strip("."):
            return "".join(map(escaped, value))
        return UNFIT.sub(lambda match: escaped(match[0]), value)


def escaped(char: str) -> str:
    return f"~{ord(char):02X}"
