"""Starts the sandbox without Django, as `python -m runsdash.sandbox`."""

import argparse

from .options import add_flags, from_namespace
from .serve import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m runsdash.sandbox", description="A scripted Threads/Runs server.")
    add_flags(parser)
    serve(from_namespace(parser.parse_args()))
