"""Writes snapshots into the index: many at once, idempotent, by the rule of age. One module an object.

- A snapshot's age is the moment its request was sent; an older one never overwrites a newer one.
- Leaving a terminal status is refused; a terminal status may be replaced by another terminal one.
- `expires_at`, `started_at` and pending calls keep their last known value when a later snapshot nulls them.
Every function opens one short transaction; none calls an upstream.
"""
