"""Open Images: tables of boxes or of labels of whole images, as CSV, a row each, in fractions of the image."""
