"""`make bench`: what SciDEX does per second, each figure beside its yardstick on the same server in the same run."""
