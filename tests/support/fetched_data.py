"""Data that an application's test fetches, once for all runs; a machine that cannot fetch them skips the test, unless
EIGENLSTM_MUST_FETCH is set.
"""

import os

import pytest

from eigenlstm.apps import _download


def archive(package, tmp_path_factory):
    """The path of `package`, whose checksum `fetch` has compared."""
    try:
        contents = _download.fetch(package)
    except SystemExit as reason:
        if os.environ.get("EIGENLSTM_MUST_FETCH"):
            pytest.fail(f"no data: {reason}")
        pytest.skip(f"no data: {reason}")
    path = tmp_path_factory.mktemp("data") / package.name
    path.write_bytes(contents)
    return path


def png(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 20_000
