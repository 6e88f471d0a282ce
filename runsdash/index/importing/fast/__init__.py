"""Reads lines of the shapes that nearly all have against schemas: usual_lines, by one module for each object."""
