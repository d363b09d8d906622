"""What the calls of a trial say, as numbers: tests that hold whenever one looks, and estimates."""
