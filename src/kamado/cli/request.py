"""What the commands for stacks send: template, files, environments and parameters from disk, as Heat's own client bundles them.

Called by `plan`. The names of files become file: URLs, as with `openstack stack create`, so that a stack made by the one can be changed by
the other without its types getting other names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

import click


def bundle(template: Path | None, environments: Sequence[Path], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The parts of a request's body that come from files. Raises ClickException for one that cannot be read."""
    from openstack.exceptions import SDKException
    from openstack.orchestration.util import template_utils

    body: dict[str, Any] = {"files": {}}
    names: list[str] = []
    try:
        if template is not None:
            body["files"], body["template"] = template_utils.get_template_contents(str(template))
        files, _ = template_utils.process_multiple_environments_and_files(
            [str(path) for path in environments], env_list_tracker=names
        )
    except (SDKException, URLError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    body["files"] |= files
    if names:
        body["environment_files"] = names
    if parameters:
        body["parameters"] = dict(parameters)
    return body
