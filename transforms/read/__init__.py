"""Units to fragments by bucket."""
