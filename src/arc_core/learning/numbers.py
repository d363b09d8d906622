"""Bounds between what failed and what did not: the roundest number, as limits are round."""

from __future__ import annotations

import math


def roundest(low: float, high: float) -> float:
    """Return the roundest number from `low` up to, but not, `high`; a power of two is round."""
    if low >= high or low <= 0 < high:
        return 0 if low <= 0 < high else low
    if low < 0:
        return low
    if low < math.ceil(low) < high and low < 10:
        return math.ceil(low)
    exponent = math.ceil(math.log2(low)) if low >= 64 else 1000
    power = 2.0**exponent if exponent < 64 else math.inf
    for digits in range(1, 7):
        if digits > 1 and power < high:
            return int(power)
        step = 10.0 ** (math.floor(math.log10(low)) - digits + 1)
        number = round(math.ceil(round(low / step, 9)) * step, 12)
        if low <= number < high:
            return int(number) if float(number).is_integer() else number
    return low


def roundest_above(low: float, high: float) -> float:
    """Return the roundest number beyond `low` and up to `high`."""
    if low >= high:
        return high
    if low < 0 <= high:
        return 0 if high == 0 or low < 0 < high else high
    for digits in range(1, 7):
        step = 10.0 ** (math.floor(math.log10(high)) - digits + 1) if high > 0 else 1.0
        number = round(math.floor(round(high / step, 9)) * step, 12)
        if low < number <= high:
            return int(number) if float(number).is_integer() else number
    return high
