"""What a person or a scheduler runs: commands that parse options, build the graph, and report."""
