"""What Arc Runtime and Arc Core agree about: patterns, conditions, fixes and names on the wire."""
