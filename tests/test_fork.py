"""The thread pool survives ``fork``, idle or at work: the child answers and does not hang."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import multiprocessing
    import os
    import signal
    import threading

    import numpy as np

    import mcal
    from mcal import k_center, smallest_k  # a child may not find the import lock free

    signal.alarm(60)
    mcal.set_thread_count(2)
    rng = np.random.default_rng(0)
    points = rng.standard_normal((5000, 64), np.float32)
    values = rng.standard_normal(500_000)


    def answer(_=None):
        return k_center(points, 40).positions.tolist(), smallest_k(values, 9).tolist()


    def check_child(depth):
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)  # an alarm is not inherited
            if depth > 1:
                check_child(depth - 1)
            os._exit(0 if answer() == expected else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


    expected = answer()
"""

USES = {
    "fork": "check_child(1)\nassert answer() == expected",
    "grandchild": "check_child(3)",
    "fork while another thread computes": """
stop = threading.Event()


def compute():
    while not stop.is_set():
        k_center(points, 400)
        turns.append(1)


turns = []
worker = threading.Thread(target=compute)
worker.start()
try:
    while not turns:
        pass
    for _ in range(20):  # almost every one of them meets the pool at work
        check_child(1)
finally:
    stop.set()
    worker.join()
assert len(turns) > 1
assert answer() == expected
""",
    "multiprocessing": """
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(answer, range(4)) == [expected] * 4
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("use", USES)
def test_a_forked_child_can_use_the_thread_pool(use: str) -> None:
    # A process of its own: CPython 3.12 warns when one with threads is forked.
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PROGRAM) + USES[use]],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr
