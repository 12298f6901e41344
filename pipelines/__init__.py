"""Commands that a person or a scheduler runs: they parse options, build the graph, and report."""
