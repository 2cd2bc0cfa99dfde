"""The command line: parse, one call, render."""

from scidex.surfaces.cli.app import main

__all__ = ["main"]
