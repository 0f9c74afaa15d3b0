"""bench/ranks.py between hosts a millisecond apart, and without that delay: ``python bench/ranks_hosts.py [HOSTS]``.

The hosts are network namespaces of tests/support/hosts.py, which need root and iproute2; ranks talk by MPI over TCP.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from hosts import Hosts, by_mpi_on  # noqa: E402


def main():
    for delay in (0.0, 1e-3):
        with Hosts(int(sys.argv[1]) if sys.argv[1:] else 2, delay) as hosts, tempfile.TemporaryDirectory() as folder:
            (process,) = by_mpi_on(hosts, ROOT / "bench" / "ranks.py", folder=Path(folder))
            said, errors = process.communicate()
        print(f"{1e3 * delay:g} ms of delay: {said.strip() or errors}")


if __name__ == "__main__":
    main()
