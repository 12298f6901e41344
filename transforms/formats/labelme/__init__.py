"""LabelMe: a JSON file an image, of shapes in pixels, as labelme and the tools that came of it write them."""
