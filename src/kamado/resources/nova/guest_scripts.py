"""The small scripts that ride along in a server's user data, for guests with heat-cfntools.

Sent by `user_data.py`; run inside the guest by cloud-init, under whatever Python the image has (so: plain words, Python 2
and 3 both). What must stay as it is are the names that heat-cfntools reads: ``/var/lib/heat-cfntools/<part>``, its copy in
``/var/lib/cloud/data``, ``/var/log/heat-provision.log`` and ``provision-finished``.
"""

from __future__ import annotations

CLOUD_CONFIG = """#cloud-config
output: {all: '| tee -a /var/log/cloud-init-output.log'}
"""

BOOTHOOK = """#!/bin/sh
# heat-cfntools from a package may lack its links in /opt/aws/bin.
if command -v cfn-create-aws-symlinks >/dev/null 2>&1; then
    cfn-create-aws-symlinks
fi
# A boot hook that fails would stop cloud-init.
exit 0
"""

PART_HANDLER = '''#part-handler
"""Stores the parts of type x-cfninitdata where heat-cfntools looks for them."""
import os
import time

FOLDERS = ("/var/lib/heat-cfntools", "/var/lib/cloud/data")


def list_types():
    return ["text/x-cfninitdata"]


def _store(path, payload):
    if not isinstance(payload, bytes):
        payload = payload.encode("utf-8")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(payload)


def handle_part(data, ctype, filename, payload, *rest):
    if ctype == "__begin__":
        for folder in FOLDERS:
            if not os.path.isdir(folder):
                os.makedirs(folder, 0o700)
    elif ctype in list_types():
        with open("/var/log/part-handler.log", "a") as log:
            log.write("%s %s %s\\n" % (time.strftime("%Y-%m-%d %H:%M:%S"), ctype, filename))
        for folder in FOLDERS:
            _store(os.path.join(folder, os.path.basename(filename)), payload)
'''

LOG_USER_DATA = '''#!/usr/bin/env python3
"""Runs the user's own script, cfn-userdata, and keeps what it says in /var/log/heat-provision.log."""
import errno
import os
import subprocess
import sys
import time

FOLDER = "/var/lib/heat-cfntools"
LOG = "/var/log/heat-provision.log"


def note(log, text):
    log.write(("%s %s\\n" % (time.strftime("%Y-%m-%d %H:%M:%S"), text)).encode("utf-8"))
    log.flush()


def run(script, log):
    try:
        return subprocess.call([script], stdout=log, stderr=subprocess.STDOUT)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            note(log, "user data is empty or no program: nothing to run")
            return 0
        note(log, "user data cannot be run: %s" % error)
        return 71


def main():
    script = os.path.join(FOLDER, "cfn-userdata")
    os.chmod(script, 0o700)
    descriptor = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        note(log, "provision begins")
        code = run(script, log)
        note(log, "provision ends, exit code %s" % code)
    if code == 0:
        open(os.path.join(FOLDER, "provision-finished"), "a").close()
    return code


if __name__ == "__main__":
    sys.exit(main())
'''
