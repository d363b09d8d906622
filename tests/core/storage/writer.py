"""A process that keeps inserting until it is killed; prints the number of each batch that is in.

Arguments: the folder, the address of the store or "chdb".
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

from arc_core.storage import open_call_store
from core.call_records import batch, record

ROWS = 50


def main() -> None:
    store = open_call_store(sys.argv[2], Path(sys.argv[1]))
    for number in itertools.count():
        calls = (record(session=str(number), body=f"body of {number}") for _ in range(ROWS))
        store.insert(batch(*calls), token=f"batch-{number}")
        print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
