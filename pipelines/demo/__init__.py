"""The demo: a dataset that is drawn, and builds of it."""
