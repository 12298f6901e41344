"""VIA, the VGG Image Annotator 2: a project, or exported annotations as JSON or CSV, of many images in one file."""
