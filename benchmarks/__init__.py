"""Measurements: ratios and counts, printed as tables and kept in results.json. Never a test that fails on a slow day."""
