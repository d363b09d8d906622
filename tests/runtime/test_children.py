"""Children of an application deliver their last calls, though no `atexit` runs in them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from telemetry.receiver import Receiver, free_port

PROGRAM = """
import multiprocessing, sys, threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import util
import openai
from runtime import Arc

started_by, method, base_url = sys.argv[1:]
if started_by != "child":
    Arc()

def call(_=None):
    if started_by == "child":
        Arc()
    with openai.OpenAI(base_url=base_url, api_key="k") as client:
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "x"}]
        )

def tell():
    print("threads:", [each.name for each in threading.enumerate() if "arc" in each.name])

def idle():
    util.Finalize(None, tell, exitpriority=-1000)

def run(target):
    process = context.Process(target=target)
    process.start()
    process.join()
    assert process.exitcode == 0

if __name__ == "__main__":
    context = multiprocessing.get_context(method)
    if started_by == "busy parent":
        call()
    if started_by == "executor":
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            executor.submit(call).result()
    elif started_by == "pool":
        pool = context.Pool(1)
        pool.map(call, [None])
        pool.close()
        pool.join()
    elif started_by == "idle child":
        run(idle)
    else:
        run(call)
"""


def ended(folder: Path, endpoint: str, *arguments: str) -> str:
    program = folder / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        env={**os.environ, "ARC_ENDPOINT": endpoint, "ARC_METRICS_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


WAYS = [(method, "parent") for method in multiprocessing.get_all_start_methods()]
if hasattr(os, "fork"):
    WAYS += [("fork", started_by) for started_by in ("child", "executor", "pool")]


@pytest.mark.parametrize(("method", "started_by"), WAYS)
def test_child_that_ends_after_its_call_delivers_it(
    method: str, started_by: str, receiver: Receiver, space: Any, tmp_path: Path
) -> None:
    """Whichever way it was started, and wherever Arc was."""
    ended(tmp_path, receiver.endpoint, started_by, method, space.base_url)
    assert len(receiver.wait_for_spans(1)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_child_of_a_parent_that_calls_too(receiver: Receiver, space: Any, tmp_path: Path) -> None:
    """Each delivers its own: in the child no time passes for what the parent has left to do."""
    ended(tmp_path, receiver.endpoint, "busy parent", "fork", space.base_url)
    assert len({span.span_id for span in receiver.wait_for_spans(2)}) == len(receiver.spans) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_child_leaves_on_disk_what_nobody_takes(space: Any, tmp_path: Path) -> None:
    """For its parent or the next process of that service."""
    ended(tmp_path, f"grpc://localhost:{free_port()}", "parent", "fork", space.base_url)
    written = Path(os.environ["ARC_CACHE_DIR"]).glob("spool/*/*.otlp")
    assert [path.name.split("-")[3] for path in written] == ["1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_forked_child_without_calls_starts_nothing(receiver: Receiver, tmp_path: Path) -> None:
    """It ends as soon as it would without Arc."""
    assert "threads: []" in ended(tmp_path, receiver.endpoint, "idle child", "fork", "-")


def test_multiprocessing_is_left_to_those_who_use_it() -> None:
    program = "import sys; from runtime import Arc; Arc(); print('multiprocessing' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "ARC_METRICS_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False", done.stderr


TASKS = """
import os
import celery, openai
from runtime import Arc

Arc()
folder = os.environ["TASKS"]
folders = {f"{name}_folder": folder for name in ("processed", "control")}
app = celery.Celery("tasks", broker="filesystem://", broker_transport_options={
    **folders, "data_folder_in": folder, "data_folder_out": folder
})

@app.task
def call():
    with openai.OpenAI(base_url=os.environ["SPACE"], api_key="k") as client:
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "x"}]
        )
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_worker_of_celery_that_is_replaced(receiver: Receiver, space: Any, tmp_path: Path) -> None:
    """As after each task here; that is the end of a process, too."""
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(TASKS)
    queue = tmp_path / "queue"
    queue.mkdir()
    env = {
        **os.environ,
        "ARC_ENDPOINT": receiver.endpoint,
        "ARC_METRICS_PORT": "0",
        "TASKS": str(queue),
        "SPACE": space.base_url,
    }
    send = "import tasks; tasks.call.delay()"
    subprocess.run([sys.executable, "-c", send], env=env, cwd=tmp_path, check=True, timeout=60)
    options = ["--concurrency=1", "--max-tasks-per-child=1", "--without-gossip"]
    with subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", *options],
        env=env,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as worker:
        try:
            assert len(receiver.wait_for_spans(1)) == 1
        finally:  # told to end while it replaces a child, it may hang, without Arc too
            os.killpg(worker.pid, signal.SIGKILL)
