"""Keys for new rows: the preferred ones on trust, or each looked up first."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Model

from runsdash.index.snapshots.known_rows import free_keys


@dataclass(frozen=True)
class Keys:
    """`is_careful`: make sure that nobody else holds a key. Else the insert itself finds out."""

    is_careful: bool = False

    def free(self, model: type[Model], preferred: Sequence[int]) -> list[int]:
        """Keys in the order of `preferred`, all different."""
        return free_keys(model, preferred) if self.is_careful else list(preferred)
