"""What data looks like and what makes it valid. Pure: opens nothing, imports no Beam."""
