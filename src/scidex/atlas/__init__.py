"""The Atlas: what was learned, where it came from, and what it cost."""
