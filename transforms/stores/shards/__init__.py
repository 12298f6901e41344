"""Directories of shards, TAR, Parquet or Arrow files that hold images, as read-only stores in which each shard is a directory."""
