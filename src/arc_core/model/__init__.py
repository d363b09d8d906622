"""What the parts of Core pass to each other; nothing in here does I/O."""
