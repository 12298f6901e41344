"""Boxes, polygons and masks: pure functions over numbers and arrays."""
