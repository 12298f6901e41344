"""Predictions, in every form that they are written in."""
