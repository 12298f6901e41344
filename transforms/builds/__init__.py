"""Published builds: identity, claims, resuming, manifest, pointer, and what is cleaned up."""
