"""Several processes of one program: by mpirun, or by torch.distributed with gloo."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HANG = 120  # seconds after which ranks that hang are ended
SUPPORT = Path(__file__).parent


def mpirun():
    """The launcher, or a skip: of the environment's own mpich where there is one."""
    pytest.importorskip("mpi4py")
    found = shutil.which("mpirun", path=str(Path(sys.executable).parent)) or shutil.which("mpirun")
    if found is None:
        pytest.skip("there is no mpirun")
    return found


def environment(**more):
    path = os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


def by_mpi(ranks, *arguments, timeout=HANG):
    """`ranks` processes of Python with `arguments` under mpirun; -> CompletedProcess."""
    root = ["--allow-run-as-root", "--oversubscribe"] if "Open MPI" in version(mpirun()) else []
    command = [mpirun(), *root, "-n", str(ranks), sys.executable, *map(str, arguments)]
    return subprocess.run(command, timeout=timeout, text=True, capture_output=True, env=environment())


def version(launcher):
    return subprocess.run([launcher, "--version"], text=True, capture_output=True).stdout


def by_gloo(ranks, *arguments):
    """Processes of Python with `arguments` that find one another as torchrun has it; -> list of Popen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(ranks)}
    command = [sys.executable, *map(str, arguments)]
    return [
        subprocess.Popen(
            command,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(RANK=str(rank), **meeting),
        )
        for rank in range(ranks)
    ]
