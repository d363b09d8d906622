"""What Arc tells others about calls: spans by OTLP, and metrics for Prometheus."""
