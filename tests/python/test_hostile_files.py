"""Small files that would cost much, files of other formats, and whose classes a file may name."""

import json
import os
import struct
import sys
import tracemalloc

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import safetensors_files as files
from eigenlstm.layers.base import Layer

MODEL = {"format": 1, "architecture": {"class": "Linear", "config": {"in_features": 2, "out_features": 1}}}


# -- what small files may cost ------------------------------------------------------------------


def saved(path, about, metadata=None):
    files.write_tensors(
        path,
        {"weight": np.zeros((1, 2), np.float32), "bias": np.zeros(1, np.float32)},
        {"eigenlstm": about if isinstance(about, str) else json.dumps(about), **(metadata or {})},
    )
    return path


@pytest.mark.parametrize(
    "broken",
    {
        "half of a surrogate pair": r'{"format": 1, "architecture": {"class": "\ud800", "config": {}}}',
        "an integer without end": '{"format": 1, "architecture": {"class": "Linear", "config": {"in_features": 1'
        + "0" * 400
        + "}}}",
        "an integer of more than 64 bits": '{"format": 1, "x": 36893488147419103232}',
        "a float beyond all": '{"format": 1, "x": 1e400}',
    }.items(),
    ids=lambda item: item[0],
)
def test_values_that_other_code_would_fail_on_are_no_json(tmp_path, broken):
    with pytest.raises(el.FileError, match="not valid JSON"):
        el.load(saved(tmp_path / "m", broken[1]))


@pytest.mark.parametrize(
    "many", ["[" + "[]," * 1_100_000 + "[]]", "[" + "0," * 2_100_000 + "0]", "[" + '{"a":1},' * 1_100_000 + "1]"]
)
def test_the_values_of_a_header_are_counted_before_they_are_made(tmp_path, many):
    path = tmp_path / "m"
    path.write_bytes(struct.pack("<Q", len(many)) + many.encode())
    tracemalloc.start()
    with pytest.raises(el.FileError, match="more than 2000000 values"):
        el.load(path)
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_a_model_of_many_layers_loads_in_time_that_grows_with_their_number(tmp_path):
    """Counted, not timed: the comparisons of layers with each other were a hundred million for ten thousand layers."""
    many = [{"class": "Dropout", "config": {"p": 0.5, "seed": None}}] * 10_000
    about = {"format": 1, "architecture": {"class": "Sequential", "config": {"layers": many}}}
    files.write_tensors(tmp_path / "m", {}, {"eigenlstm": json.dumps(about)})
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        model = el.load(tmp_path / "m")
    finally:
        sys.setprofile(None)
    assert len(model) == 10_000 and calls < 1_500_000


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="lists the open files of the process")
def test_a_directory_is_named_and_not_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for load in (el.load, el.audio.load):
        with pytest.raises(IsADirectoryError) as refusal:
            load(tmp_path)
        assert refusal.value.filename == str(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(os.name != "posix", reason="POSIX files")
def test_neither_a_pipe_nor_a_huge_file_without_a_model_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(el.FileError, match="not a regular file"):
        el.load(tmp_path / "pipe")
    header = json.dumps({"x": {"dtype": "F32", "shape": [1 << 33], "data_offsets": [0, 1 << 35]}}).encode()
    with open(tmp_path / "sparse", "wb") as file:  # 32 GB of holes
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + (1 << 35))
    with pytest.raises(el.FileError, match="without an eigenlstm model"):
        el.load(tmp_path / "sparse")
    header = json.dumps(
        {
            "__metadata__": {"eigenlstm": json.dumps(MODEL)},
            "weight": {"dtype": "F32", "shape": [1 << 33], "data_offsets": [0, 1 << 35]},
        }
    ).encode()
    with open(tmp_path / "sparse", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + (1 << 35))
    with pytest.raises(el.FileError, match="do not fit"):
        el.load(tmp_path / "sparse")


@pytest.mark.parametrize(
    "beginning, hint",
    [
        (b"PK\x03\x04", "torch.load"),
        (b"\x89HDF\r\n\x1a\n", "el.keras.load"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\x8c", "pickle"),
    ],
)
def test_files_of_other_formats_are_named(tmp_path, beginning, hint):
    (tmp_path / "model.pt").write_bytes(beginning + bytes(range(256)))
    with pytest.raises(el.FileError, match=hint):
        el.load(tmp_path / "model.pt")


# -- whose classes a file may name ---------------------------------------------------------------


class Doubled(Layer):
    """A layer of the user's own."""

    def __init__(self, factor=2.0):
        self._build([])
        self.factor = factor

    def forward(self, x, *, training=True):
        return x * np.float32(self.factor), None

    def config(self):
        return {"factor": self.factor}


def test_custom_layers_restricts_what_a_file_may_name(tmp_path):
    el.Sequential([el.Linear(2, 2, seed=0), Doubled()]).save(tmp_path / "m")
    assert type(el.load(tmp_path / "m")[1]) is Doubled
    assert type(el.load(tmp_path / "m", custom_layers=[Doubled])[1]) is Doubled
    for classes in ((), [el.Linear]):
        with pytest.raises(el.FileError, match="no layer 'Doubled'.*custom_layers"):
            el.load(tmp_path / "m", custom_layers=classes)
    el.Sequential([el.Linear(2, 2, seed=0), el.Dropout(0.5)]).save(tmp_path / "m")
    el.load(tmp_path / "m", custom_layers=())  # the library's own are always allowed
