"""What can be wrong with a finished call: one module each, named like the failure that it finds."""
