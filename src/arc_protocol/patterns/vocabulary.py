"""All operations of fixes: importing this module registers them.

Most patterns set plain values, so this is imported when the first operation is used.
"""

from arc_protocol.patterns import naming, operations, schema_repairs, texts

__all__ = ["naming", "operations", "schema_repairs", "texts"]
