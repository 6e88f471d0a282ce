"""Takes files of API objects into the index, fast: the same rows as `index/upsert` writes, by the same rules.

sources and lines (files → blocks of lines) → known (drops what is in the index already) → extract (lines → rows, in
other processes) → writing (rows → tables; side_by_side: by two writers on PostgreSQL), extras (archived files and
assistants, one by one). `importing` drives them, under `database_settings` of its own. Nothing here calls an upstream.
"""
