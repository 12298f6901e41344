"""The command line: flags and YAML keys made from the options' definitions."""
