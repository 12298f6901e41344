"""Image files: names, URLs, headers, looks, copies and thumbnails."""
