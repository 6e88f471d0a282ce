"""Makes our keys, integers that grow with `created_at`, so that one keyset serves every list; and positions.

A key holds the second of creation and a hash of (connection, upstream id), below 2^63 until the year 2242. Two objects
of the same second may hash alike; `free_key` then takes the next number.

           bit 63               30  29                0
    key       | second since 1970  | hash             |

A position orders the steps of a run and the messages of a thread. The rank puts tool calls (0) before the message (1)
that they lead to, and users (0) before whoever answers (1) in the same second; behind it things stay as they came.

           bit 63                        24    23   22                    0
    step      | second since the run began  | rank | order in the second  |

           bit 63                        21    20   19                    0
    message   | second since 1970           | rank | order in the second  |
"""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b

HASH_BITS = 30
HASH_MASK = (1 << HASH_BITS) - 1
STEP_ORDER_BITS, STEP_RANK_BIT = 24, 1 << 23
MESSAGE_ORDER_BITS, MESSAGE_RANK_BIT = 21, 1 << 20


def key_for(*, connection_id: int, upstream_id: str, created_at: datetime) -> int:
    """Makes the preferred key of an object."""
    return key_at(int(created_at.timestamp()), connection_id=connection_id, upstream_id=upstream_id)


def key_at(second: int, *, connection_id: int, upstream_id: str) -> int:
    """Makes the key of an object that was created at this second since 1970."""
    digest = blake2b(f"{connection_id}\0{upstream_id}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return max(0, min(second, (1 << 32) - 1)) << HASH_BITS | int.from_bytes(digest) & HASH_MASK


def free_key(key: int, *, is_taken: Callable[[int], bool]) -> int:
    """Returns `key`, or the next one that nobody else holds."""
    while is_taken(key):
        key = key & ~HASH_MASK | (key + 1) & HASH_MASK
    return key


def created_at_of(key: int) -> datetime:
    """Reads from a key when its object was created, in whole seconds."""
    return datetime.fromtimestamp(key >> HASH_BITS, UTC)


def first_key_of(moment: datetime) -> int:
    """Turns a time into a bound on keys: the smallest that an object created then can have."""
    return max(0, int(moment.timestamp())) << HASH_BITS
