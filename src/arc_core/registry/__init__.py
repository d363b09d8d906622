"""The registry: patterns with their history, keys, and the Runtimes that Core has seen."""
