"""The stages of a build, a module each: the pure function first, the PTransform that wires it below."""
