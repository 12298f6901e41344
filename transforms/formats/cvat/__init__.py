"""CVAT for images 1.1: an XML file a task or project, of images with shapes and tags in pixels."""
