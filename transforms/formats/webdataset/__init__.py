"""WebDataset: TAR files, compressed with gzip or not, whose files of one key are a sample: an image, and its labels as text, number or JSON."""
