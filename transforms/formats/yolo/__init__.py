"""YOLO: a text file an image, of class numbers and fractions, with data.yaml or Darknet's lists and names."""
