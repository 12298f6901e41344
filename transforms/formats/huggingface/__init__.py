"""Hugging Face: image folders with a metadata.jsonl, .csv or .parquet, whose `objects` are the boxes and categories of each image."""
