"""What failed: names for failures, and what failures that are alike have in common."""
