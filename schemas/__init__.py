"""Forms of data, and what makes them valid. Pure: opens nothing, imports no Beam."""
