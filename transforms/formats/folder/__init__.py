"""Class folders, and folders with tables of labels."""
