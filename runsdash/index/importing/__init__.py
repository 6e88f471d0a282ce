"""Imports files of API objects, fast: the same rows as `snapshots` writes, by the same rules.

files, zip_files and blocks (files → blocks of lines) → skip_known (drops what is in the index already) → block_rows
(lines → rows, in other processes; `fast` reads the usual ones) → write_blocks (rows → tables; two_writers: by two
writers on PostgreSQL) and write_extras (archived files and assistants, one by one). run_import drives them, under
database_settings of its own. Nothing here calls an upstream.
"""
