"""Caches rendered texts in this process, so that no poll renders one again. Bounded by size."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

CACHE_CHARS = 16 * 1024 * 1024  # of HTML, a process


class RenderCache:
    """Holds rendered texts by digest; the longest unused leaves first. Threads may share it."""

    def __init__(self, *, limit_chars: int = CACHE_CHARS) -> None:
        self.limit_chars, self.size_chars = limit_chars, 0
        self._texts: OrderedDict[bytes, str] = OrderedDict()
        self._lock = Lock()

    def get(self, *key: str, render: Callable[[], str]) -> str:
        """Returns the text under `key` (renderer with version, then its input), else what `render` returns."""
        digest = key_digest(key)
        with self._lock:
            if digest in self._texts:
                self._texts.move_to_end(digest)
                return self._texts[digest]
        text = render()
        with self._lock:
            self._keep(digest, text)
        return text

    def _keep(self, digest: bytes, text: str) -> None:
        self.size_chars += len(text) - len(self._texts.pop(digest, ""))
        self._texts[digest] = text
        while self.size_chars > self.limit_chars:
            self.size_chars -= len(self._texts.popitem(last=False)[1])


def key_digest(key: tuple[str, ...]) -> bytes:
    digest = blake2b(digest_size=16)
    for part in key:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.digest()


render_cache = RenderCache()
