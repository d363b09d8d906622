"""The link to Arc Core, over which patterns come."""
