"""Ways out: the records of a published build in the formats of other tools, a module each."""
