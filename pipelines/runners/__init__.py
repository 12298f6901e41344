"""Beam's runners: their flags, what they must be given, whether they answer, how they fail."""
