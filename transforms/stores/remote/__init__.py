"""The file systems of object stores as this project needs them, each in a module that is imported only when a URL asks for it."""
