"""Batch inference: units of images, an endpoint, and shards of predictions."""
