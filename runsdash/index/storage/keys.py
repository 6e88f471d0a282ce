"""Keys of ours: integers that grow with `created_at`, so one keyset serves every list.

A key is `created_at seconds << 30 | 30-bit hash(connection, upstream id)`: below 2^63 until the year 2242.
Two objects of the same second may hash alike; `free_key` then takes the next number.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b

HASH_BITS = 30
HASH_MASK = (1 << HASH_BITS) - 1
STEP_ORDER_BITS = 24  # position = second since the run began << 24 | rank << 23 | order within
STEP_RANK_BIT = 1 << 23
MESSAGE_ORDER_BITS = 21  # position = unix second << 21 | (user 0, others 1) << 20 | order within
MESSAGE_RANK_BIT = 1 << 20


def key_for(*, connection_id: int, upstream_id: str, created_at: datetime) -> int:
    """The preferred key of an object."""
    return key_at(int(created_at.timestamp()), connection_id=connection_id, upstream_id=upstream_id)


def key_at(second: int, *, connection_id: int, upstream_id: str) -> int:
    """The same of one created at this second since 1970."""
    digest = blake2b(f"{connection_id}\0{upstream_id}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return max(0, min(second, (1 << 32) - 1)) << HASH_BITS | int.from_bytes(digest) & HASH_MASK


def free_key(key: int, *, is_taken: Callable[[int], bool]) -> int:
    """`key`, or the next one that nobody else holds."""
    while is_taken(key):
        key = key & ~HASH_MASK | (key + 1) & HASH_MASK
    return key


def created_at_of(key: int) -> datetime:
    """When the object with this key was created, in whole seconds."""
    return datetime.fromtimestamp(key >> HASH_BITS, UTC)


def first_key_of(moment: datetime) -> int:
    """The smallest key an object created at `moment` can have: turns a time into a bound on keys."""
    return max(0, int(moment.timestamp())) << HASH_BITS
