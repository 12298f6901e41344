"""COCO: JSON files of images, categories and annotations."""
