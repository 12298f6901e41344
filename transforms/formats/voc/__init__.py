"""Pascal VOC: an XML file an image, with lists and masks beside them."""
