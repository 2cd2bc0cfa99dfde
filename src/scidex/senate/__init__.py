"""The senate: decides what may be used and enforces it."""
