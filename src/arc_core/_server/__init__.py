"""The process `arc core`: puts the parts together, opens the ports, ends in order."""
