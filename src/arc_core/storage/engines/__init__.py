"""The databases that can keep calls: one module each, named like the scheme of its URL.

A module has `connect(url, folder, *, memory_limit_mb)`, which returns an `Engine`.
"""
