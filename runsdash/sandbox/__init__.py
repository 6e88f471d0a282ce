"""Serves the Threads/Runs protocol from one process and one SQLite file, for demos and tests.

With it the dashboard runs anywhere on first start, and tests talk to a real socket. It implements the wire format on
its own: it imports no other room of the project, and no other room imports it. Its answers are scripted; nothing here
is a language model. `protocol/` has the endpoints, `engine/` moves runs through their states, `script/` makes what they
say, `seed/` writes the first content, `switches/` has faults and quirks.
"""
