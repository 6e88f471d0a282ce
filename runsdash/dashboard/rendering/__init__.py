"""Hostile text as HTML: Markdown, code and JSON of upstreams. The only place that marks such text safe.

Each module renders one form and escapes everything it did not write itself. Results are kept by digest.
Nothing here reads the index or knows a request.
"""
