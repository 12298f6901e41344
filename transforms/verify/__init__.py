"""Checks of a published build: files, counts, records, and copies."""
