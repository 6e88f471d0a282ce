"""Exports runs of the index: as JSON lines that an import takes back, as CSV, at constant memory.

chosen (which runs, thread by thread) → objects and named (lines of JSON) or table (lines of CSV). run_zip: one run as
files to look into. Asks no upstream, writes nothing.
"""
