"""Shared by every test: the oracle is importable as `reference`, and each test leaves the thread count as it was."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture(autouse=True)
def restore_num_threads():
    el = sys.modules.get("eigenlstm")
    before = el.get_num_threads() if el else None
    yield
    if before is not None:
        el.set_num_threads(before)
