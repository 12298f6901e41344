"""Columns: images, objects and listings as arrays, and their encoding for the shuffle."""
