"""Hugging Face: image folders with a metadata.jsonl or metadata.csv, whose `objects` are the boxes and categories of each image."""
