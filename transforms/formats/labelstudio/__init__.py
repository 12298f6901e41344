"""Label Studio: exports as JSON and JSON-MIN, of tasks with their annotations and predictions, in percent of the image."""
