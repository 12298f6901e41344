"""Predictions against a published build: read, matched, compared."""
