"""Processes of this machine beside the in-process runner, and what they hand to each other."""
