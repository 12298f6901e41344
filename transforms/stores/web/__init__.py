"""Web servers as read-only stores."""
