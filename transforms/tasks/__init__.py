"""The four tasks: what each makes of an image's objects."""
