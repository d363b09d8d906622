"""Numbers that are kept as such, and become metrics of `prometheus_client` when somebody asks.

That library takes 1.5 MB and 30 ms to import, which a process that nobody scrapes never spends.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Sequence, Tuple

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

Labels = Tuple[str, ...]


class Counts:
    """Counts by labels; all are changed by one thread and read by any."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._values: Dict[Labels, float] = {}
        self._created_s: Dict[Labels, float] = {}
        if not labels:
            self.add(0)

    def add(self, amount: float, *labels: str) -> None:
        """Add to the count with these labels."""
        try:
            self._values[labels] += amount
        except KeyError:
            self._created_s[labels] = time.time()
            self._values[labels] = amount

    def values(self) -> Dict[Labels, int]:
        """Return the counts so far."""
        return {labels: int(value) for labels, value in list(self._values.items())}

    def family(self) -> Metric:
        """Return a counter of `prometheus_client`."""
        from prometheus_client.metrics_core import CounterMetricFamily

        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in list(self._values.items()):
            family.add_metric(labels, value, created=self._created_s[labels])
        return family


class State:
    """One number that goes up and down."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self.value: float = 0

    def family(self) -> Metric:
        """Return a gauge of `prometheus_client`."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        return GaugeMetricFamily(self._name, self._text, value=float(self.value))


class Distribution:
    """How many values are at most as large as each of some bounds."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._created_s = time.time()

    def add(self, value: float) -> None:
        """Take one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> Metric:
        """Return a histogram of `prometheus_client`."""
        from prometheus_client.metrics_core import HistogramMetricFamily
        from prometheus_client.utils import floatToGoString

        family = HistogramMetricFamily(self._name, self._text)
        text_of: Callable[[float], str] = floatToGoString
        bounds = [text_of(bound) for bound in (*self._bounds, float("inf"))]
        family.add_metric([], list(zip(bounds, accumulate(self._counts))), self._sum)
        family.add_sample(f"{self._name}_created", {}, self._created_s)
        return family


class Collector:
    """All metrics, as a registry of `prometheus_client` asks for them."""

    def __init__(self) -> None:
        self._all: List[Any] = []

    def counts(self, name: str, text: str, labels: Sequence[str] = ()) -> Counts:
        """Make a counter."""
        self._all.append(Counts(name, text, labels))
        return self._all[-1]  # type: ignore[no-any-return]

    def state(self, name: str, text: str) -> State:
        """Make a gauge."""
        self._all.append(State(name, text))
        return self._all[-1]  # type: ignore[no-any-return]

    def distribution(self, name: str, text: str, bounds: Sequence[float]) -> Distribution:
        """Make a histogram."""
        self._all.append(Distribution(name, text, bounds))
        return self._all[-1]  # type: ignore[no-any-return]

    def collect(self) -> Iterator[Metric]:
        """Yield them in the order in which they were made."""
        for each in self._all:
            yield each.family()
