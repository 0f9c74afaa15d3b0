"""The page of errors: each snippet of it raises the message that is its heading."""

import re
from pathlib import Path

import numpy as np
import pytest

import eigenlstm as el

PAGE = (Path(__file__).resolve().parents[2] / "docs/errors.md").read_text()
ENTRIES = re.findall(r"^### `([^\n]*)`\n```py\n(.*?)```\n\n(\w+)\.\s", PAGE, re.MULTILINE | re.DOTALL)
X, Y = np.zeros((8, 4, 3), np.float32), np.zeros((8, 1), np.float32)


def small_model():
    return el.Sequential([el.LSTM(3, 4), el.Last(), el.Linear(4, 1)])


def test_there_are_some_fifty():
    assert len(ENTRIES) >= 50 and len(ENTRIES) == PAGE.count("\n### ")


@pytest.mark.parametrize("message, code, kind", ENTRIES, ids=[code.strip() for _, code, _ in ENTRIES])
def test_the_snippet_raises_what_its_heading_says(message, code, kind, tmp_path, monkeypatch):
    if "safetensors.numpy" in code:
        pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception) as raised:
        exec(code, {"np": np, "el": el, "X": X, "Y": Y, "M": small_model})
    assert type(raised.value).__name__ == kind
    assert str(raised.value).startswith(message.removesuffix(" …"))
