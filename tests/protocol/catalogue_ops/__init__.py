"""A plain interpreter of the catalogue's fixes: what each operation means, written a second time.

It shares no code with `arc_protocol` on purpose: the two must agree about every case.
"""

from __future__ import annotations

import copy
from typing import Any, Dict, List

from protocol.catalogue_ops import content, items, pairs, parameters, schemas
from protocol.catalogue_ops.registry import OPS

__all__ = ["OPS", "apply", "content", "items", "pairs", "parameters", "schemas"]

IGNORED = ("op", "reverse_in_response", "scope")
"""What concerns the response, or says that the operation is for later requests."""


def apply(ops: List[Dict[str, Any]], request: Dict[str, Any]) -> Dict[str, Any]:
    """Return the request with the operations of a case applied."""
    request = copy.deepcopy(request)
    for op in ops:
        arguments = {key: value for key, value in op.items() if key not in IGNORED}
        OPS[op["op"]](request, **arguments)
    return request
