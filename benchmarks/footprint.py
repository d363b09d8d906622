"""Memory and import time of Arc, beyond those of the SDK and of what Arc depends on.

Each figure is a median over fresh processes, all of which find compiled code, as an installation
leaves it. What Arc depends on is whatever it has loaded that is not its own: the same modules are
imported without Arc to know their share.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Tuple

RUNS = 5

_FOUND = """
import importlib, json, sys, threading, time
def found():
    names = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]
    foreign = [n for n in names if n not in loaded and n.split(".")[0] not in {ours!r}]
    return sorted(foreign, key=lambda name: (name.count("."), name))  # packages come first
""".format(ours=("runtime", "arc_protocol"))
_BEGIN = """
import openai
sys.path[:0] = {path!r}
def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20
from benchmarks import stub
client = stub.install()
def calls():
    for _ in range(200):
        client.chat.completions.create(model="gpt-4.1", messages=[], temperature=0.95)
calls()  # the SDK's own memory of its first calls is not Arc's
loaded = set(sys.modules)
before = resident()
"""
_ARC = """
from runtime import Arc
imported = resident() - before
arc = Arc(endpoint={endpoint!r}, metrics_port=0, log_level="WARNING")
calls()
assert arc.flush(10)
time.sleep(0.5)  # until the link to Core is where it will stay
all_of_it = resident() - before
foreign = found()
print(json.dumps(dict(imported=imported, all=all_of_it, foreign=foreign)))
arc.shutdown()
"""
_SENDER = """
def send():
    for module in {modules!r}:
        importlib.import_module(module)
    marks.append(resident() - before)
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
    channel = grpc.insecure_channel({address!r})
    kept.append(channel)
    export = channel.unary_unary(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        response_deserializer=otlp.ExportTraceServiceResponse.FromString,
    )
    request = otlp.ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for _ in range(200):
        spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="n" * 1000)  # as long as ours
    export(request.SerializeToString(), timeout=10)
    time.sleep(0.5)
    marks.append(resident() - before)
marks, kept = [], []
thread = threading.Thread(target=send)  # Arc, too, leaves that to a thread
thread.start()
thread.join()
print(json.dumps(dict(modules=marks[0], all=marks[1])))
"""
_IMPORT = """
loaded = set(sys.modules)
started_at = time.process_time()
for module in {foreign!r}:
    importlib.import_module(module)
dependencies_at = time.process_time()
import runtime
ended_at = time.process_time()
foreign = found()
times = dict(dependencies=dependencies_at - started_at, arc=ended_at - dependencies_at)
print(json.dumps(dict(times, foreign=foreign)))
"""


def main() -> None:
    """Print medians over fresh processes."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _print_memory(environment)
        for first in ("openai", "sys"):
            _print_import(first, environment)


def _print_memory(environment: Dict[str, str]) -> None:
    from telemetry.receiver import Receiver

    begin = _FOUND + _BEGIN.format(path=sys.path[:2])
    with Receiver() as receiver:
        arc, foreign = _medians(begin + _ARC.format(endpoint=receiver.endpoint), environment)
        address = receiver.endpoint.partition("://")[2]
        sender = begin + _SENDER.format(modules=foreign, address=address)
        theirs, _ = _medians(sender, environment)
        least = begin + _SENDER.format(modules=[], address=address)
        bare, _ = _medians(least, environment)
    _print("memory over `import openai`, gRPC running", arc["all"], "MiB")
    _print("  of it modules that Arc depends on", theirs["modules"], "MiB")
    _print("  one channel of gRPC with one request", theirs["all"] - theirs["modules"], "MiB")
    _print("  Arc, its telemetry and its link to Core", arc["all"] - theirs["all"], "MiB")
    _print("    of which `import runtime`", arc["imported"], "MiB")
    _print("a sender of the same spans without Arc", bare["all"], "MiB")


def _print_import(first: str, environment: Dict[str, str]) -> None:
    begin = _FOUND + f"import {first}\n"
    _, foreign = _medians(begin + _IMPORT.format(foreign=[]), environment)
    times, _ = _medians(begin + _IMPORT.format(foreign=foreign), environment)
    _print(f"`import runtime` after `import {first}`", times["arc"] * 1e3, "ms of CPU")
    _print(f"  and {len(foreign)} other modules it needs", times["dependencies"] * 1e3, "ms of CPU")


def _print(what: str, figure: float, unit: str) -> None:
    print(f"{what:44}{figure:6.1f} {unit}")


def _medians(code: str, environment: Dict[str, str]) -> Tuple[Dict[str, float], List[str]]:
    """Return the medians of what a program prints, and the modules it has named."""
    _run(code, environment)  # compiles
    runs = [_run(code, environment) for _ in range(RUNS)]
    foreign = runs[-1].pop("foreign", [])
    return {k: statistics.median(run[k] for run in runs) for k in runs[-1]}, foreign


def _run(code: str, environment: Dict[str, str]) -> Dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    printed: Dict[str, Any] = json.loads(finished.stdout)
    return printed


if __name__ == "__main__":
    main()
