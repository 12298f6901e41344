"""Buckets to shards: assemble, check images, write, and leave a receipt."""
