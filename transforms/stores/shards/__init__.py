"""Directories of shards, TAR or Parquet files that hold images, as read-only stores in which each shard is a directory."""
