"""The doors of the economy, strangers to each other: each parses, makes one call, and renders."""
