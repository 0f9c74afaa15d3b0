"""Shared by every test: each leaves the thread count as it was. (pyproject.toml puts `reference` on the path.)"""

import sys

import pytest


@pytest.fixture(autouse=True)
def restore_num_threads():
    el = sys.modules.get("eigenlstm")
    before = el.get_num_threads() if el else None
    yield
    if before is not None:
        el.set_num_threads(before)
