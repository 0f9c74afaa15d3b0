"""safetensors files are data: broken and hostile ones are refused, and a write is whole or not at all."""

import base64
import json
import os
import pathlib
import struct
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy

import eigenlstm as el
from eigenlstm import safetensors_files as files

CASES = json.loads((pathlib.Path(__file__).parents[1] / "cases" / "safetensors_files.json").read_text())
MODEL = {"format": 1, "architecture": {"class": "Linear", "config": {"in_features": 2, "out_features": 1}}}
TENSORS = {"weight": ("F32", [1, 2], [0, 8]), "bias": ("F32", [1], [8, 12])}


def file_of(header, data=b"\0" * 12):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def header_of(tensors=None, about=MODEL, **changes):
    header = {"__metadata__": {"eigenlstm": about if isinstance(about, str) else json.dumps(about)}}
    for name, (dtype, shape, offsets) in {**TENSORS, **(tensors or {})}.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
    return {**header, **changes}


def about(config=None, **changes):
    return {
        **MODEL,
        "architecture": {"class": "Linear", "config": {"in_features": 2, "out_features": 1, **(config or {})}},
        **changes,
    }


def model_of(name, **config):
    return {"format": 1, "architecture": {"class": name, "config": config}}


@pytest.mark.parametrize("name", CASES["must_reject"])
def test_files_of_safetensors_that_must_be_refused(tmp_path, name):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(base64.b64decode(CASES["must_reject"][name]))
    with pytest.raises(el.FileError, match="bad.safetensors"):
        files.read_tensors(path)
    with pytest.raises(el.FileError):
        el.load(path)


@pytest.mark.parametrize("name", CASES["must_accept"])
def test_files_of_safetensors_that_must_be_taken(tmp_path, name):
    path = tmp_path / "good.safetensors"
    path.write_bytes(base64.b64decode(CASES["must_accept"][name]))
    tensors, _ = files.read_tensors(path)
    assert {key: value.shape for key, value in tensors.items()} == ({"test": (2, 0)} if name == "zero_sized" else {})
    with pytest.raises(el.FileError, match="without an eigenlstm model"):
        el.load(path)


def test_the_file_that_the_hostile_ones_are_made_of_loads(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(file_of(header_of()))
    assert el.load(path).config()["in_features"] == 2


HOSTILE = {
    "header not an object": file_of([1, 2]),
    "entry not an object": file_of({"weight": 3}),
    "entry with a key too many": file_of(
        header_of(weight={"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8], "x": 1})
    ),
    "entry with a key too few": file_of(header_of(weight={"dtype": "F32", "shape": [1, 2]})),
    "unknown dtype": file_of(header_of({"weight": ("F33", [1, 2], [0, 8])})),
    "dtype not a text": file_of(header_of({"weight": (["F32"], [1, 2], [0, 8])})),
    "shape of floats": file_of(header_of({"weight": ("F32", [1.0, 2], [0, 8])})),
    "shape of bools": file_of(header_of({"weight": ("F32", [True, 2], [0, 8])})),
    "negative shape": file_of(header_of({"weight": ("F32", [-1, -2], [0, 8])})),
    "shape not a list": file_of(header_of({"weight": ("F32", 2, [0, 8])})),
    "endless shape": file_of(header_of({"weight": ("F32", [1 << 62] * 100_000, [0, 8])})),
    "huge numbers": file_of(b'{"weight":{"dtype":"F32","shape":[' + b"9" * 100_000 + b'],"data_offsets":[0,8]}}'),
    "three offsets": file_of(header_of({"weight": ("F32", [1, 2], [0, 4, 8])})),
    "offsets backwards": file_of(header_of({"weight": ("F32", [1, 2], [8, 0])})),
    "offsets past the end": file_of(header_of({"bias": ("F32", [1], [12, 16])})),
    "a hole": file_of(header_of({"bias": ("F32", [1], [12, 16])}), b"\0" * 16),
    "an overlap": file_of(header_of({"bias": ("F32", [1], [4, 8])}), b"\0" * 8),
    "bytes left over": file_of(header_of(), b"\0" * 13),
    "truncated": file_of(header_of())[:-1],
    "a name twice": file_of(
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
        b"",
    ),
    "metadata not an object": file_of({"__metadata__": "text"}, b""),
    "metadata of numbers": file_of({"__metadata__": {"a": 1}}, b""),
    "NaN": file_of(b'{"a":NaN}', b""),
    "deep nesting": file_of(b"[" * 1_000_000 + b"]" * 1_000_000, b""),
    "deep nesting of objects": file_of(b'{"a":' * 500_000 + b"1" + b"}" * 500_000, b""),
    "strings that never end": file_of(b'{"' + b'\\"' * 500_000, b""),
    "surrogates in a name": file_of(b'{"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', b""),
    # a good safetensors file with a bad model in it
    "deep architecture": file_of(header_of(about="[" * 100_000)),
    "architecture not JSON": file_of(header_of(about="{")),
    "architecture a list": file_of(header_of(about="[]")),
    "no architecture": file_of(header_of(about={"format": 1})),
    "another format": file_of(header_of(about=about(format=2))),
    "architecture of a wrong type": file_of(header_of(about={"format": 1, "architecture": 7})),
    "no config": file_of(header_of(about={"format": 1, "architecture": {"class": "Linear"}})),
    "unknown class": file_of(header_of(about=model_of("os.system"))),
    "class not a text": file_of(header_of(about=model_of(["Linear"]))),
    "unknown argument": file_of(header_of(about=about({"command": "ls"}))),
    "argument of a wrong type": file_of(header_of(about=about({"in_features": "2"}))),
    "a huge layer": file_of(header_of(about=about({"in_features": 10**12}))),
    "an impossible layer": file_of(header_of(about=about({"in_features": 10**40}))),
    "a huge LSTM": file_of(header_of(about=model_of("LSTM", input_size=1, hidden_size=10**6))),
    "endlessly many layers": file_of(header_of(about=model_of("LSTM", input_size=1, hidden_size=1, num_layers=10**9))),
    "a huge embedding": file_of(header_of(about=model_of("Embedding", num_embeddings=2**40, embedding_dim=2**10))),
    "many layers": file_of(
        header_of(
            about=model_of(
                "Sequential", layers=[{"class": "Linear", "config": {"in_features": 1, "out_features": 1}}] * 10_000
            )
        )
    ),
    "layers not a list": file_of(header_of(about=model_of("Sequential", layers=3))),
    "layers of text": file_of(header_of(about=model_of("Sequential", layers=["x"]))),
    "no layers": file_of(header_of(about=model_of("Sequential", layers=[]))),
    "a parameter missing": file_of(header_of(about=about({"bias": False}))),
    "a wrong shape": file_of(header_of({"weight": ("F32", [2, 1], [0, 8])})),
    "a wrong dtype": file_of(header_of({"weight": ("I32", [1, 2], [0, 8])})),
    "half floats": file_of(header_of({"weight": ("BF16", [1, 4], [0, 8])})),
    "another dtype": file_of(header_of(about=about({"dtype": "float64"}))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once(tmp_path, name):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(el.FileError, match="hostile.safetensors"):
            el.load(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6 + 100 * len(HOSTILE[name])  # nothing of what it claims
    finally:
        tracemalloc.stop()


def test_every_truncation_and_many_flipped_bits_are_refused_or_harmless(tmp_path):
    path = tmp_path / "m.safetensors"
    el.Linear(2, 1, seed=0).save(path) if hasattr(el.Linear, "save") else el.save(el.Linear(2, 1, seed=0), path)
    good = path.read_bytes()
    for end in range(len(good)):
        path.write_bytes(good[:end])
        with pytest.raises(el.FileError):
            el.load(path)
    rng = np.random.default_rng(0)
    for _ in range(500):
        broken = bytearray(good)
        broken[rng.integers(len(good))] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            el.load(path)
        except el.FileError:
            pass


def test_arrays_of_any_layout_are_written_as_they_look(tmp_path):
    path = tmp_path / "t.safetensors"
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    arrays = {
        "transposed": base.T,
        "strided": base[::2, ::3],
        "reversed": base[::-1],
        "scalar": np.float64(3.5),
        "fortran": np.asfortranarray(base),
        "empty": base[:0],
        "ints": np.arange(3, dtype=np.uint64),
    }
    files.write_tensors(path, arrays, {"a": "ü"})
    tensors, metadata = files.read_tensors(path)
    assert metadata == {"a": "ü"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(tensors[name], array)
        assert tensors[name].shape == np.shape(array) and tensors[name].dtype == array.dtype
    theirs = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(theirs["transposed"], base.T)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_atomically(path, b"old")
    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:

            def fail(*_):
                raise OSError("disk full")

            patch.setattr(os, call, fail)
            with pytest.raises(OSError, match="disk full"):
                files.write_atomically(path, b"new")
        assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_a_write_keeps_permissions_and_syncs_before_it_renames(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))[1])
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o640
    assert calls == ["fsync", "replace", "fsync"]


def test_a_new_file_has_the_permissions_of_any_other_and_links_stay(tmp_path):
    (tmp_path / "other").write_bytes(b"")
    files.write_atomically(tmp_path / "new", b"x")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode
    (tmp_path / "link").symlink_to(tmp_path / "new")
    files.write_atomically(tmp_path / "link", b"y")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "new").read_bytes() == b"y"


def test_a_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        el.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError) as caught:
        files.write_atomically(tmp_path / "no folder" / "file", b"")
    assert caught.value.filename == str(tmp_path / "no folder" / "file")  # and not the temporary one


@pytest.mark.parametrize(
    "beginning, reader",
    [
        (b"PK\x03\x04", "el.keras.load"),
        (b"\x89HDF\r\n\x1a\n", "el.keras.load"),
        (b"\x08\x0a\x12\x09eigenlstm", "el.onnx.load"),
        (b'{"version": "0.5.4"}', "el.audio.load"),
        (b'{\n  "layers": []\n}', "el.audio.load"),
    ],
)
def test_files_of_other_formats_are_told_with_what_reads_them(tmp_path, beginning, reader):
    path = tmp_path / "other"
    path.write_bytes(beginning + bytes(100))
    with pytest.raises(el.FileError, match=f"no safetensors file but .*{reader}"):
        el.load(path)
