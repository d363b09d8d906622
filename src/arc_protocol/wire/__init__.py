"""What goes over the wire between Runtimes and Core besides OpenTelemetry's own messages."""
