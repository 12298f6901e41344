"""Supervisely: a JSON file an image, in datasets of `ann` and `img`, of objects in pixels, as its projects are exported."""
