"""Zip and tar archives, in any store, as read-only stores."""
