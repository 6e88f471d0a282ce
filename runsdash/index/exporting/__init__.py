"""Takes runs out of the index again: as JSON lines that an import gives back, as CSV, at constant memory.

chosen (which runs, thread by thread) → objects and files (lines of JSON) or table (lines of CSV). Asks no upstream, writes nothing.
"""
