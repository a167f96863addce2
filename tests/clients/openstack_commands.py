"""Runs in the clients' environment: `openstack` commands, one after the other in one shell, since its start takes seconds.

Reads lines of JSON (a list of words) and answers each with {"code", "out", "err"}. The shell is made ready once, as when it is used
interactively; its pauses between two looks at a stack (5 s) are cut short.
"""

import contextlib
import io
import json
import sys
import time
from collections.abc import Iterator

from openstackclient import shell


@contextlib.contextmanager
def caught(app: shell.OpenStackShell) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """What is printed, also by those who keep the streams: the shell, and its log."""
    out, err = io.StringIO(), io.StringIO()
    app.stdout, app.stderr = out, err
    app.log_configurator.console_logger.setStream(err)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


pause = time.sleep
time.sleep = lambda seconds: pause(min(seconds, 0.2))
app = shell.OpenStackShell()
app.options, _ = app.parser.parse_known_args([])
app.command_options = []
app.interactive_mode = False
app.configure_logging()
app.initialize_app([])
for line in sys.stdin:
    with caught(app) as (out, err):
        try:
            code = app.run_subcommand(json.loads(line))
        except SystemExit as error:
            code = error.code
    print(json.dumps({"code": code or 0, "out": out.getvalue(), "err": err.getvalue()}), flush=True)
