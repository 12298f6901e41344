"""Tables of boxes: CSV with a row for each box, by column names or, without a header, as RetinaNet and AutoML Vision write it."""
