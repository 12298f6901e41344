"""Datumaro: a JSON file a subset, of items with annotations in pixels, as Datumaro and CVAT write them."""
