"""The plan of a build: what a source is, its units of work, and whether it has changed."""
