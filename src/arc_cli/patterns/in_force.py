"""Whether the Runtimes have a change already: waited for, as it takes a moment."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Sequence

from arc_cli.core_client import CoreClient
from arc_cli.layout import clean, moment, span

_WAIT_S = 2.0
"""A change is in force within a second where all is well."""
_LOOK_EVERY_S = 0.05
_SHOWN = 5
_STATES = {"active": "In force", "paused": "Out of force", "retired": "Out of force"}
_BEHIND = "does not have it yet"
_VERDICTS = {
    "refused": "refuses it",
    "disabled": "has switched it off",
    "overridden": "has a pattern of its own of that name",
}


def wait(core: CoreClient, records: Sequence[Mapping[str, Any]]) -> List[str]:
    """Wait until all connected Runtimes have what was changed; say which have not after 2 s."""
    began = time.monotonic()
    while True:
        info = core.get("/info")
        runtimes = [*core.pages("/runtimes", "runtimes", connected=True, limit=1000)]
        lacking = {
            number: why
            for number, each in enumerate(runtimes)
            for why in [_lacks(each, info, records)]
            if why
        }
        took_s = time.monotonic() - began
        if not any(why.startswith(_BEHIND) for why in lacking.values()) or took_s >= _WAIT_S:
            break
        time.sleep(_LOOK_EVERY_S)
    if not runtimes:
        return ["No Runtime is connected now; each gets it when it comes."]
    have = len(runtimes) - len(lacking)
    words = {_STATES.get(each["state"], "Known") for each in records}
    told = words.pop() if len(words) == 1 else "Taken up"
    lines = [f"{told} on {have:,} of {len(runtimes):,} Runtimes ({took_s:.1f} s)."]
    for number, why in [*lacking.items()][:_SHOWN]:
        lines.append(f"  {_who(runtimes[number])} {why}")
    if len(lacking) > _SHOWN:
        lines.append(f"  and {len(lacking) - _SHOWN:,} more; `arc status --all` shows each")
    return lines


def _lacks(
    runtime: Mapping[str, Any], info: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
) -> str:
    """Say why a change is not in force in a Runtime; empty if it is."""
    verdicts: Dict[str, Dict[str, Any]] = runtime["verdicts"]
    if "*" in verdicts:
        return f"refuses all that is new: {clean(verdicts['*']['reason'])}"
    if runtime["set_digest"] != info["pattern_set"]["digest"]:
        seen_s = (moment(info["time"]) - moment(runtime["last_seen"])).total_seconds()
        return f"{_BEHIND}, last seen {span(seen_s)} ago"
    for record in records:
        verdict = verdicts.get(record["name"])
        if verdict is not None and verdict["revision"] == record["revision"]:
            told = _VERDICTS.get(verdict["state"])
            if told is not None:
                reason = clean(verdict["reason"])
                return f"{told}: {reason}" if verdict["state"] != "overridden" else told
    return ""


def _who(runtime: Mapping[str, Any]) -> str:
    return f"{clean(runtime['service'])} on {clean(runtime['host'])}, process {runtime['pid']},"
