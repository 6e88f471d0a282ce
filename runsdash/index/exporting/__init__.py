"""Takes runs out of the index again: as JSON lines that an import gives back, as CSV, at constant memory.

chosen (which runs, thread by thread) → objects, named (lines of JSON) or table (lines of CSV). run_zip: one run as files
to look into. Asks no upstream, writes nothing.
"""
