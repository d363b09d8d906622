"""Takes finished calls as OpenTelemetry spans, by gRPC and HTTP, and hands them to the store."""
