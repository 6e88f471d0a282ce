"""Writes snapshots into the index: many at once, idempotent, by the rule of age. One module an object.

- A snapshot's age is the moment its request was sent; an older one never overwrites a newer one.
- A terminal status that a server told is not left for an active one; another terminal one may replace it.
- `expires_at`, `started_at`, token counts and pending calls keep their last known value where a snapshot has none.
Every function opens one short transaction; none calls an upstream.
"""
