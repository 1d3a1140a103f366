"""The files an export writes: one YAML a destination, one writer."""
