"""Raw formats: each module turns work units into the neutral form of `schemas.neutral`."""
