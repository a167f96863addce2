"""A process that is asked to end hears it, whatever it is at."""

import subprocess
import sys

import pytest

_AT_EACH_POINT = """
import os, signal, sys, threading, time
from kamado.processes import wait_for_signal

def ask():
    os.kill(os.getpid(), signal.SIGTERM)

def points(at=None):
    # How many instructions it takes from where it listens to where it waits. It is asked to end before one of them, or while it waits.
    passed = reached = 0

    def trace(frame, event, _argument):
        nonlocal passed
        frame.f_trace_opcodes = True
        if event == "opcode" and signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:
            if passed == at:
                ask()
            passed += 1
        return trace

    def when_it_waits():
        nonlocal reached
        while reached != passed or not passed:
            reached = passed
            time.sleep(0.2)
        ask()

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    other = threading.Thread(target=when_it_waits)
    if at is None:
        other.start()
    sys.settrace(trace)
    heard = wait_for_signal()
    sys.settrace(None)
    assert heard == "SIGTERM"
    return reached

for at in range(points()):
    print(at, flush=True)
    points(at)
"""


def test_a_signal_is_heard_at_whatever_point_it_comes() -> None:
    """Before each instruction from where the process listens to where it waits; a thread that is slow may be there for long."""
    process = subprocess.Popen([sys.executable, "-c", _AT_EACH_POINT], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            said, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"not heard at the last of these points: {process.communicate()[0].split()}")
    assert process.returncode == 0
    assert len(said.split()) > 10
