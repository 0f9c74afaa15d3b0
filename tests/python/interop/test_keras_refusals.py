"""Files of Keras that are damaged, hostile or not for us: a FileError that says what is wrong, before anything is
built.
"""

import io
import json
import zipfile

import numpy as np
import pytest
from keras2_case import H, I, T, draw, first, forbid_building, h5py, lstm_config, lstm_weights, named, write

import eigenlstm as el

WEIGHTS = lstm_weights()


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": list(layers)}}


ARCHITECTURE = sequential(first(lstm_config()))


def layer(kind, **config):
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


@pytest.fixture
def nothing_is_built(monkeypatch):
    forbid_building(monkeypatch)


def refused(path, message, **options):
    with pytest.raises(el.FileError, match=message) as caught:
        el.keras.load(path, **options)
    assert str(path) in str(caught.value)


def h5(tmp_path, weights=WEIGHTS, architecture=ARCHITECTURE):
    return write(tmp_path / "m.h5", [("lstm_1", named("lstm_1", weights))], architecture=architecture)


# -- tensors that don't fit ---------------------------------------------------------------------

TENSORS = {
    "another shape": (WEIGHTS | {"kernel": draw(I, 12)}, r"tensor lstm_1/lstm_1/kernel:0: expected the kernel of lstm_1 \(LSTM\), \(3, 16\), got \(3, 12\)"),
    "another rank": (WEIGHTS | {"bias": draw(16, 1)}, r"tensor lstm_1/lstm_1/bias:0: .* \(16,\), got \(16, 1\)"),
    "integers": (WEIGHTS | {"bias": np.arange(16)}, "tensor lstm_1/lstm_1/bias:0: expected floats, got int64"),
    "too many": (WEIGHTS | {"peephole": draw(12)}, r"lstm_1 \(LSTM\): expected 3 tensors \(kernel, recurrent_kernel, bias\), got 4"),
    "too few": ({"kernel": WEIGHTS["kernel"]}, r"expected 3 tensors .*, got 1 tensors \(lstm_1/lstm_1/kernel:0\)"),
    "none": ({}, r"expected 3 tensors .*, got 0 tensors \(none\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_do_not_fit(case, tmp_path, nothing_is_built):
    weights, message = TENSORS[case]
    refused(h5(tmp_path, weights), message)


def test_a_layer_too_many_in_the_file(tmp_path, nothing_is_built):
    layers = [("lstm_1", named("lstm_1", WEIGHTS)), ("gru_1", named("gru_1", {"kernel": draw(3, 3)}))]
    refused(
        write(tmp_path / "m.h5", layers, architecture=ARCHITECTURE), "tensor gru_1/gru_1/kernel:0: belongs to no layer"
    )


def test_the_input_of_a_layer_is_the_output_of_the_one_before(tmp_path, nothing_is_built):
    architecture = sequential(first(lstm_config()), lstm_config("lstm_2"))
    layers = [("lstm_1", named("lstm_1", WEIGHTS)), ("lstm_2", named("lstm_2", lstm_weights(inputs=5)))]
    refused(
        write(tmp_path / "m.h5", layers, architecture=architecture),
        r"kernel of lstm_2 \(LSTM\), \(4, 16\), got \(5, 16\)",
    )


def test_a_size_that_only_the_architecture_claims_takes_no_memory(tmp_path, nothing_is_built):
    refused(h5(tmp_path, architecture=sequential(first(lstm_config(units=10**9)))), r"\(3, 4000000000\), got \(3, 16\)")
    refused(
        h5(tmp_path, architecture=sequential(first(lstm_config(units=10**12)))),
        "units must be an integer of at least 1",
    )


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    model = el.Sequential([el.LSTM(I, H), el.Last(), el.Linear(H, 2)])
    before = model.flat_params.copy()
    with pytest.raises(el.FileError, match=r"layer 1 \(Dense\): expected 2 tensors"):
        el.keras.load_weights(model, h5(tmp_path))
    with pytest.raises(el.FileError, match="has parameters that Keras's has not"):
        el.keras.load_weights(el.LSTM(I, H, peephole=True), h5(tmp_path))
    np.testing.assert_array_equal(model.flat_params, before)
    with pytest.raises(TypeError, match="load_weights: model must be a layer or model of eigenlstm, got str"):
        el.keras.load_weights("model", h5(tmp_path))


# -- HDF5 ---------------------------------------------------------------------------------------


def test_what_is_no_file_of_keras(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"hello, this is no model")
    refused(tmp_path / "m.keras", "is neither a .keras archive nor an HDF5 file")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    refused(tmp_path / "other.h5", "is an HDF5 file without the weights of a Keras model")
    refused(tmp_path, "is a folder")
    (tmp_path / "m.keras").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    refused(tmp_path / "m.keras", "is a pointer of Git LFS, not the model")
    with pytest.raises(FileNotFoundError):
        el.keras.load(tmp_path / "none.h5")


def test_weights_without_an_architecture_or_with_two(tmp_path, nothing_is_built):
    path = write(tmp_path / "w.h5", [("lstm_1", named("lstm_1", WEIGHTS))], group=None)
    refused(path, "holds weights without an architecture")
    refused(h5(tmp_path), "holds an architecture of its own, another was given", architecture=ARCHITECTURE)


def broken(tmp_path, how):
    """An .h5 whose kernel `how(group, kernel)` puts there in its own way."""
    path = h5(tmp_path)
    with h5py.File(path, "a") as file:
        group = file["model_weights/lstm_1/lstm_1"]
        kernel = group["kernel:0"][()]
        del group["kernel:0"]
        how(group, kernel)
    return path


def external_storage(group, kernel):
    group.create_dataset("kernel:0", kernel.shape, kernel.dtype, external=[("secret.bin", 0, kernel.nbytes)])


def virtual(group, kernel):
    layout = h5py.VirtualLayout(kernel.shape, kernel.dtype)
    layout[:] = h5py.VirtualSource("secret.h5", "x", kernel.shape)
    group.create_virtual_dataset("kernel:0", layout)


HOSTILE = {
    "a link to another file": (lambda g, k: g.__setitem__("kernel:0", h5py.ExternalLink("secret.h5", "/x")), "is a link to another place"),
    "a link within the file": (lambda g, k: g.__setitem__("kernel:0", h5py.SoftLink("/model_weights")), "is a link to another place"),
    "values in another file": (external_storage, "tensor model_weights/lstm_1/lstm_1/kernel:0 lies in another file"),
    "values in another HDF5 file": (virtual, "kernel:0 lies in another file"),
    "compressed": (lambda g, k: g.create_dataset("kernel:0", data=k, compression="gzip"), "kernel:0 is compressed"),
    "never written": (lambda g, k: g.create_dataset("kernel:0", (10**7, 10**6), "f"), r"needs 40000000000000 bytes for \(10000000, 1000000\) float32, has 0"),
    "huge chunks": (lambda g, k: g.create_dataset("kernel:0", k.shape, "f", maxshape=(None, None), chunks=(3, 10**7)), "has 0"),
    "text": (lambda g, k: g.create_dataset("kernel:0", data=["a", "b"]), "kernel:0 must hold numbers, got object"),
    "no value": (lambda g, k: g.create_dataset("kernel:0", data=h5py.Empty("f")), "kernel:0 must hold numbers"),
    "a group": (lambda g, k: g.create_group("kernel:0"), "tensor model_weights/lstm_1/lstm_1/kernel:0 is missing"),
    "a type": (lambda g, k: g.__setitem__("kernel:0", np.dtype("f")), "is neither a group nor a tensor"),
    "a circle": (lambda g, k: g.__setitem__("kernel:0", g.parent), "nested deeper than"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_hdf5(case, tmp_path, nothing_is_built):
    how, message = HOSTILE[case]
    refused(broken(tmp_path, how), message)


def test_names_that_lie(tmp_path, nothing_is_built):
    def with_names(**names):
        path = h5(tmp_path)
        with h5py.File(path, "a") as file:
            for name, value in names.items():
                (file["model_weights"] if name == "layer_names" else file["model_weights/lstm_1"]).attrs[name] = value
        return path

    refused(with_names(layer_names=[b"lstm_1", b"lstm_1"]), "'lstm_1' of layer_names is twice there")
    refused(with_names(layer_names=[b"lstm_2"]), "'lstm_2' of layer_names is not in the file")
    refused(
        with_names(weight_names=[b"lstm_1/kernel:0"] * 3), r"kernel:0 is missing \(named by weight_names, given once\)"
    )
    refused(with_names(weight_names=[b"lstm_1/kernel:0"]), "tensor model_weights/lstm_1/lstm_1/.* belongs to no layer")
    refused(with_names(weight_names=[b"../../lstm_1/lstm_1/kernel:0"]), "is missing")
    refused(with_names(weight_names=[1, 2]), "the attribute weight_names of /model_weights/lstm_1 must be text")


def test_damaged_hdf5(tmp_path):
    path = h5(tmp_path)
    data = path.read_bytes()
    for length in range(0, len(data), len(data) // 40):
        path.write_bytes(data[:length])
        refused(path, ".")
    rng = np.random.default_rng(0)
    for _ in range(100):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            assert isinstance(el.keras.load(path), el.Sequential)
        except el.FileError:
            pass


# -- the archive --------------------------------------------------------------------------------

CONFIG3 = {
    "module": "keras", "class_name": "Sequential", "registered_name": None,
    "config": {"name": "sequential", "layers": [
        {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "config": {"batch_shape": [None, T, I], "name": "input"}},
        {"module": "keras.layers", "class_name": "LSTM", "registered_name": None, "config": {"name": "lstm", "units": H, "activation": "tanh",
         "recurrent_activation": "sigmoid", "return_sequences": True, "unknown": None}},
    ]},
}  # fmt: skip


def archive(path, *, config=None, method=zipfile.ZIP_STORED, leave=(), further=(), extra=(), separator="/"):
    """A .keras file as Keras 3 writes it; `extra` are tensors that it has beside its own."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for i, array in enumerate(WEIGHTS.values()):
            file[f"layers{separator}lstm{separator}cell/vars/{i}"] = array
        for name in extra:
            file[name] = draw(2)
    members = {
        "metadata.json": json.dumps({"keras_version": "3.5.0", "date_saved": "2024-08-01@00:00:00"}),
        "config.json": json.dumps(config or CONFIG3),
        "model.weights.h5": memory.getvalue(),
    }
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in [*members.items(), *further]:
            if name not in leave:
                file.writestr(name, data)
    return path


def test_the_archive_that_the_others_are_made_of(tmp_path):
    x = np.random.default_rng(0).standard_normal((2, T, I)).astype("f")
    lstm = el.LSTM(I, H)
    lstm.load_state_dict(
        {"weight_ih_l0": WEIGHTS["kernel"].T, "weight_hh_l0": WEIGHTS["recurrent_kernel"].T, "bias_l0": WEIGHTS["bias"]}
    )
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        np.testing.assert_array_equal(el.keras.load(archive(tmp_path / "m.keras", method=method))(x), lstm(x)[0])
    windows = archive(tmp_path / "m.keras", extra=["metrics\\mean/vars/0"], separator="\\")  # as Keras 2 wrote it there
    np.testing.assert_array_equal(el.keras.load(windows)(x), lstm(x)[0])
    optimizer = ("optimizer/vars/0", "layers/lstm/cell/seed_generator/vars/0")
    np.testing.assert_array_equal(el.keras.load(archive(tmp_path / "m.keras", extra=optimizer))(x), lstm(x)[0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_that_lie(tmp_path, nothing_is_built):
    path = tmp_path / "m.keras"
    refused(archive(path, leave=["config.json"]), "config.json is not in the archive")
    refused(archive(path, further=[("config.json", "{}")]), "config.json is twice in the archive")
    refused(archive(path, extra=["layers/lstm/cell/vars/3"]), r"lstm \(LSTM\): expected 3 tensors .*, got 4")
    refused(archive(path, extra=["layers/dense/vars/0"]), "tensor dense/vars/0: belongs to no layer")
    refused(archive(path, extra=["else/vars/0"]), "tensor else/vars/0 belongs to no layer")
    bomb = archive(path, config=CONFIG3 | {"padding": " " * 10**8}, method=zipfile.ZIP_DEFLATED)
    refused(bomb, "config.json claims 100000... bytes; an archive of .* bytes may hold")
    refused(archive(path, config=[1]), "metadata.json and config.json must be objects")


def test_damaged_archives(tmp_path):
    path = archive(tmp_path / "m.keras")
    data = path.read_bytes()
    for length in range(4, len(data), len(data) // 40):
        path.write_bytes(data[:length])
        refused(path, ".")
    rng = np.random.default_rng(0)
    for _ in range(100):
        changed = bytearray(data)
        changed[rng.integers(4, len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            assert isinstance(el.keras.load(path), el.Sequential)
        except el.FileError:
            pass


def test_without_h5py_the_error_names_the_extra(tmp_path, monkeypatch):
    import sys

    path = h5(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'needs h5py: pip install "eigenlstm\[keras\]"'):
        el.keras.load(path)


def test_a_damaged_heap_of_texts_does_not_run_in_circles(tmp_path):
    path = write(tmp_path / "m.h5", [("lstm_1", named("lstm_1", WEIGHTS))], architecture=ARCHITECTURE, text=str)
    data = bytearray(path.read_bytes())
    heap, place = data.find(b"GCOL"), data.find(b"GCOL") + 16
    while data[place : place + 2] != b"\0\0":  # to its free space
        place += 16 + (int.from_bytes(data[place + 8 : place + 16], "little") + 7) // 8 * 8
    for at, value in ((place + 8, 0), (heap + 24, 1 << 40), (heap + 8, 1 << 40)):
        changed = data.copy()
        changed[at : at + 8] = value.to_bytes(8, "little")
        path.write_bytes(changed)
        refused(path, f"the heap at byte {heap} does not add up")
