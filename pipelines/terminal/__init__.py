"""Standard output, log, progress and failures, as a person or a scheduler sees them."""
