"""`kamado up`: everything in one process, on a database of its own and, unless told otherwise, a cloud of its own.

The state directory holds all that must survive: `kamado.db` (or another database by URL), `cloud.db` of the local
cloud, `secret.key` and the log. A lock keeps a second process out of it. The trap: the OpenStack variables are written
only when everything answers, because scripts wait for that file.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kamado.assemble import Installation

LOCAL_USER, LOCAL_PASSWORD = "heat", "secret"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `up` and `demo` were asked for; `cloud` is ``local`` or a name from clouds.yaml."""

    host: str
    port: int
    identity_port: int
    cfn_port: int
    state: Path
    database: str | None
    cloud: str
    openrc: Path | None
    config_files: tuple[str, ...]


def up_options(command: Any) -> Any:
    """The options that `up` and `demo` share, as a decorator."""
    for option in reversed(
        [
            click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
            click.option("--port", default=8004, show_default=True, help="Port of the orchestration API."),
            click.option(
                "--cfn-port",
                type=int,
                help="Port of the CloudFormation API.  [default: 8000, or a free one when --port is not 8004]",
            ),
            click.option("--identity-port", default=5000, show_default=True, help="Port of the local Keystone."),
            click.option(
                "--state",
                type=click.Path(file_okay=False, path_type=Path),
                default=None,
                help="Folder that holds everything that must survive.  [default: kamado in your state folder]",
            ),
            click.option("--database", help="SQLAlchemy URL.  [default: an SQLite file in the state folder]"),
            click.option(
                "--cloud", default="local", show_default=True, help="`local`, or the name of a cloud in clouds.yaml."
            ),
            click.option(
                "--openrc",
                type=click.Path(dir_okay=False, path_type=Path),
                help="File to write the OS_* variables to, once everything answers.",
            ),
        ]
    ):
        command = option(command)
    return command


@click.command()
@up_options
@click.pass_context
def up(ctx: click.Context, /, **options: Any) -> None:
    """Start Kamado with everything it needs in this one process, and serve until SIGTERM or Ctrl-C.

    With the local cloud there are the projects demo, admin and alt_demo with users of the same names and passwords. Started
    again on the same --state, it goes on where it stopped, even after a kill -9. Several may run side by side on other ports
    and states.
    """
    from kamado.processes import wait_for_signal

    with running(read_options(ctx, options)) as installation:
        click.echo(ready_text(installation))
        reason = wait_for_signal()
        click.echo(f"{reason}: finishing what is under way …", err=True)


def read_options(ctx: click.Context, options: dict[str, Any]) -> UpOptions:
    """The options as one value; the state folder's default is XDG's."""
    if options["state"] is None:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        options["state"] = Path(base) / "kamado"
    if options["cfn_port"] is None:
        options["cfn_port"] = 8000 if options["port"] == 8004 else _free_port(options["host"])
    return UpOptions(config_files=tuple(ctx.obj or ()), **options)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def running(options: UpOptions) -> Installation:
    """A started installation (a context manager that stops it). Ends the command with a clear line when it cannot start."""
    from kamado.processes import starting

    with starting():
        return _started(options)


def _started(options: UpOptions) -> Installation:
    from kamado import assemble
    from kamado.logs import set_up_logging
    from kamado.processes import take_turns_often
    from kamado.settings import SettingsError, load

    take_turns_often()
    options.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(options.state)
    try:
        local = None
        if options.cloud == "local":
            local = assemble.local_cloud(
                options.host,
                options.identity_port,
                options.port,
                options.cfn_port,
                keep_path=options.state / "cloud.db",
            )
            local.start()
            service = {
                "auth_url": local.auth_url,
                "username": LOCAL_USER,
                "password": LOCAL_PASSWORD,
                "project_name": "service",
                "user_domain_id": "default",
                "project_domain_id": "default",
            }
        else:
            service = _named_cloud(options.cloud)
        settings = load(options.config_files, _overrides(options, service))
        set_up_logging(settings)
        return assemble.Installation(settings, local, lock, options.openrc).start()
    except (SettingsError, OSError) as error:
        lock.close()
        raise click.ClickException(_explain(error, options)) from error


def ready_text(installation: Installation) -> str:
    """What a newcomer needs to know once everything answers."""
    lines = [f"Kamado answers at {installation.url}", ""]
    lines += [f"  {line}" for line in installation.openrc().splitlines()]
    if installation.local is None:
        lines += [
            "",
            f"Clients find it when the cloud's catalog has {installation.url}/v1/%(project_id)s for orchestration.",
        ]
    lines += ["", f"It logs to {installation.settings.raw.log_file}."] if installation.settings.raw.log_file else []
    lines += ["", "Copy these lines into a shell, then try:  openstack stack list", "Ctrl-C ends it."]
    return "\n".join(lines)


def _overrides(options: UpOptions, service: dict[str, str]) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {("keystone_authtoken", name): value for name, value in service.items()}
    found["heat_api", "bind_host"] = options.host
    found["heat_api", "bind_port"] = options.port
    found["heat_api_cfn", "bind_host"] = options.host
    found["heat_api_cfn", "bind_port"] = options.cfn_port
    found["database", "connection"] = options.database or f"sqlite:///{options.state / 'kamado.db'}"
    found["kamado", "alone"] = True
    found["kamado", "api_metrics"] = True
    found["DEFAULT", "log_file"] = str(options.state / "kamado.log")
    found["DEFAULT", "auth_encryption_key"] = _key(options.state / "secret.key")
    if options.cloud == "local":
        found["DEFAULT", "stack_domain_admin"] = "heat_domain_admin"
        found["DEFAULT", "stack_domain_admin_password"] = LOCAL_PASSWORD
    return found


def _named_cloud(name: str) -> dict[str, str]:
    """Kamado's own user in a real cloud, as clouds.yaml has it."""
    from openstack import config
    from openstack.exceptions import ConfigException

    try:
        auth = config.OpenStackConfig().get_one(name).config["auth"]
    except ConfigException as error:
        raise click.ClickException(f"--cloud {name}: {error}") from error
    wanted = ("auth_url", "username", "password", "project_name", "user_domain_id", "user_domain_name",
              "project_domain_id", "project_domain_name")  # fmt: skip
    return {key: auth[key] for key in wanted if auth.get(key)}


def _key(path: Path) -> str:
    """The secret that encrypts credentials in the database; made once, readable by its owner only."""
    if not path.exists():
        partial = path.with_suffix(".new")
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_urlsafe(32))
        partial.rename(path)
    return path.read_text().strip()


def _lock(state: Path) -> IO[str]:
    lock = (state / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise click.ClickException(
            f"another kamado works in {state}: end it, or give this one a --state and ports of its own"
        ) from error
    return lock


def _explain(error: Exception, options: UpOptions) -> str:
    if isinstance(error, OSError) and "ddress already in use" in str(error):
        return (
            f"{error}: port {options.port}, {options.cfn_port} or {options.identity_port} is taken; "
            "give others with --port, --cfn-port and --identity-port"
        )
    return str(error)
