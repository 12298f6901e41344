"""Runs from plan to pointer, on any runner: a build, and predictions."""
