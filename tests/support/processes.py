"""Python in processes of their own."""

import os
import subprocess
import sys
import textwrap

HANG = 60  # seconds after which a test that hangs is ended


def python(code, *arguments, **environment):
    """A fresh interpreter that runs `code` with this process's path; -> CompletedProcess."""
    path = os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        timeout=HANG,
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
