"""The one place that states the version of Arc."""

__version__ = "0.2.0"
