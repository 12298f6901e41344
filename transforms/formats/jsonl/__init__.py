"""JSON Lines of training records: written by hand, exported by labelling tools, or built here before."""
