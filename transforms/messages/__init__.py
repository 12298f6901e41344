"""Words for people, without credentials."""
