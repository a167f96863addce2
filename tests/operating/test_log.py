"""The log of a process: written by a thread of its own, whole, in order, through a fork, a rotation by others and to its end.

Not mocked: the process, its files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging, os, sys
from kamado import logs, settings
logs.set_up_logging(settings.load([sys.argv[1]]))
log = logging.getLogger("kamado.test")
{body}
"""
CONFIG = """
[DEFAULT]
log_file = {file}
auth_encryption_key = a-long-random-text-for-tests
{options}
[database]
connection = sqlite:////nowhere
[keystone_authtoken]
auth_url = http://127.0.0.1:1
username = kamado
password = secret
"""


def _run(tmp_path: Path, body: str, options: str = "") -> list[str]:
    file = tmp_path / "kamado.log"
    config = tmp_path / "kamado.conf"
    config.write_text(CONFIG.format(file=file, options=options))
    subprocess.run([sys.executable, "-c", PROGRAM.format(body=body), str(config)], check=True, timeout=60)
    return file.read_text().splitlines()


def test_everything_is_written_in_order_before_the_process_ends(tmp_path: Path) -> None:
    lines = _run(tmp_path, 'for i in range(3000): log.info("line %d", i, extra={"stack": "s1"})')
    assert [line.rpartition("] ")[2] for line in lines] == [f"line {i}  stack=s1" for i in range(3000)]


def test_what_is_said_is_what_was_so_at_that_moment(tmp_path: Path) -> None:
    lines = _run(tmp_path, 'things = [1]\nlog.info("%s", things)\nthings.append(2)')
    assert lines[0].endswith("[1]")


def test_a_forked_process_writes_too(tmp_path: Path) -> None:
    lines = _run(
        tmp_path,
        'log.info("before")\nif os.fork() == 0:\n    log.info("child")\n    sys.exit(0)\nos.wait()\nlog.info("parent")',
    )
    assert sorted(line.rpartition("] ")[2] for line in lines) == ["before", "child", "parent"]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    body = (
        "import time\n"
        'log.info("old")\n'
        "file = settings.load([sys.argv[1]]).raw.log_file\n"
        "while not open(file).read(): time.sleep(0.01)\n"
        'os.rename(file, file + ".1")\n'
        'log.info("new")'
    )
    lines = _run(tmp_path, body)
    assert [line.rpartition("] ")[2] for line in lines] == ["new"]
    assert (tmp_path / "kamado.log.1").read_text().rstrip().endswith("old")


def test_as_json_fields_and_exceptions_are_kept(tmp_path: Path) -> None:
    body = 'try: 1 / 0\nexcept ZeroDivisionError: log.exception("bad %s", "luck", extra={"stack": "s1"})'
    (line,) = _run(tmp_path, body, "use_json = true\n")
    found = json.loads(line)
    assert (found["message"], found["extra"], found["levelname"]) == ("bad luck", {"stack": "s1"}, "ERROR")
    assert "ZeroDivisionError" in "".join(found["traceback"])
