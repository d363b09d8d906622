"""Arc Core: the server that collects calls, stores and shows them, and pushes patterns."""
