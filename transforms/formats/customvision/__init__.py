"""Azure Custom Vision: images with tags and regions, as its training API answers, in fractions of the image."""
