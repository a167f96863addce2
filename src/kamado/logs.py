"""The log: oslo.log by the options of the file, written by a thread of its own.

Who logs only leaves a record behind. What has come within a moment is formatted and written together, with one flush: a write for each
line is several calls of the system, and around each of them the threads of a process hand the interpreter to each other. The trap: a
process that is killed loses the lines of its last moment, so nothing may rest on the log.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from logging.handlers import QueueHandler, WatchedFileHandler
from queue import Empty, SimpleQueue

from oslo_log import log as oslo_log

from kamado.settings import Settings

_QUIET = ("keystonemiddleware", "keystoneauth", "urllib3", "stevedore", "alembic", "oslo_policy")

_WRONG_WARNINGS = "keystonemiddleware._common.config=ERROR"
"""It warns of every option that is given to it as a mapping, though it heeds them."""

_MOMENT = 0.02
"""Seconds for which a record waits for others."""


def set_up_logging(settings: Settings) -> None:
    """Start oslo.log by the options of the file (``debug``, ``log_file``, ``use_json``, formats …).

    Log calls carry ids as fields (stack, operation, engine, request …): in JSON they are keys of ``extra``, in text they end the line.
    """
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, _Left):
            handler.close()
    oslo_log.set_defaults(default_log_levels=[*(f"{name}=WARN" for name in _QUIET), _WRONG_WARNINGS])
    oslo_log.setup(settings.raw, "kamado")
    writers = list(root.handlers)
    left = _Left(writers)
    left.addFilter(_Fields(settings.raw.use_json))
    for writer in writers:
        root.removeHandler(writer)
    root.addHandler(left)


class _Left(QueueHandler):
    """Leaves records for a thread that gives them to ``writers``; `close` waits until all are written. Goes on in a forked process."""

    def __init__(self, writers: list[logging.Handler]) -> None:
        super().__init__(SimpleQueue())
        self._writers = writers
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)

    def _begin(self) -> None:
        self._records: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self.queue = self._records
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record itself, its text made: what it speaks of may change before it is written."""
        record.msg, record.args = record.getMessage(), None
        return record

    def close(self) -> None:
        """Writes what is left."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._records.put(None)
            thread.join()
        super().close()

    def _run(self) -> None:
        queue, goes_on = self._records, True
        while goes_on:
            records = [queue.get()]
            if records[0] is not None:
                time.sleep(_MOMENT)
            with contextlib.suppress(Empty):
                while True:
                    records.append(queue.get_nowait())
            goes_on = None not in records
            written = [record for record in records if record is not None]
            for writer in self._writers:
                _write(writer, written)


def _write(writer: logging.Handler, records: list[logging.LogRecord]) -> None:
    """To a file at once; to whatever else (a file that rotates, syslog, the journal) one by one."""
    if type(writer) is not WatchedFileHandler or writer.stream is None:
        for record in records:
            writer.handle(record)
        return
    try:
        with contextlib.nullcontext() if writer.lock is None else writer.lock:
            writer.reopenIfNeeded()
            writer.stream.write("".join(writer.format(record) + writer.terminator for record in records))
            writer.flush()
    except Exception:
        writer.handleError(records[0])


class _Fields(logging.Filter):
    """Appends the fields of a record to its text, as ``key=value``; or puts them where oslo.log's JSON looks for them."""

    _STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record through."""
        fields = {key: value for key, value in record.__dict__.items() if key not in self._STANDARD}
        if self._as_json:
            if record.name.startswith("kamado") and not hasattr(record, "extra"):
                record.extra = fields
        elif record.name.startswith("kamado") and fields:
            words = " ".join(f"{key}={value}" for key, value in fields.items() if value != "")
            record.msg, record.args = f"{record.getMessage()}  {words}", ()
        return True
