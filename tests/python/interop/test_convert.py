"""python -m eigenlstm convert: what it writes, what it says, and one line for each mistake."""

import re

import keras2_case
import numpy as np
import pytest
from keras_case import H, I, L, T, floats, predicted, sequential

import eigenlstm as el
from eigenlstm.cli import main
from eigenlstm.interop import convert


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = sequential(L.Masking(-1.0), L.LSTM(H, stateful=False), L.Dense(2, activation="softmax"))
    model.save("m.keras")
    return model


def test_a_model_and_a_report(model, capsys):
    assert main(["convert", "m.keras", "m.safetensors"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("m.keras: Keras 3\n")
    for line in (
        r"masking\w* \(Masking\) +->  MaskedSequential\(mask_value=-1\) from here on",
        r"lstm\w* \(LSTM\) +->  LSTM\(input_size=3, hidden_size=4\), Last\(\)",
        r"dense\w* \(Dense\) +->  Linear\(in_features=4, out_features=2\), Activation\(name='softmax'\)",
        r"largest difference from Keras 3\.[\d.]+ on random input \(4, 7, 3\): \d(\.\d)?e-0[78]",
        r"written: m\.safetensors",
    ):
        assert re.search(line, out), line
    ours = el.load("m.safetensors")
    np.testing.assert_allclose(ours(floats(-1.0)), predicted(model, floats(-1.0)), atol=1e-5)


def test_the_comparison_sees_a_difference(model, monkeypatch, capsys):
    from eigenlstm.interop import keras

    def wrong(path):
        ours, report = read(path)
        ours.flat_params[0] += 0.5
        return ours, report

    read = keras.read
    monkeypatch.setattr(keras, "read", wrong)
    report = convert.convert("m.keras", "m.safetensors")
    assert report.difference > 1e-4


def test_without_comparing(model, capsys):
    assert main(["convert", "m.keras", "m.safetensors", "--no-compare"]) == 0
    assert "largest difference" not in capsys.readouterr().out


def test_a_runtime_that_is_not_there_or_cannot(model, monkeypatch):
    import sys

    from eigenlstm.interop import keras

    ours, _ = keras.read("m.keras")
    assert keras.compare("no.keras", ours)[1].startswith("Keras 3")
    monkeypatch.setitem(sys.modules, "keras", None)
    report = convert.convert("m.keras", "m.safetensors")
    assert report.difference is None and "  not compared: Keras is not installed" in report.lines()


def test_weights_with_an_architecture_beside_them(model, capsys):
    model.save_weights("m.weights.h5")
    with open("m.json", "w") as file:
        file.write(model.to_json())
    assert main(["convert", "m.weights.h5", "m.safetensors", "--architecture", "m.json"]) == 0
    assert re.search(r"largest difference from Keras 3\.[\d.]+ on random input", capsys.readouterr().out)
    np.testing.assert_allclose(el.load("m.safetensors")(floats(-1.0)), predicted(model, floats(-1.0)), atol=1e-5)
    with open("m.onnx", "wb") as file:
        file.write(b"\x08")
    with pytest.raises(el.FileError, match="files of ONNX have their architecture in them, m.json was given"):
        convert.convert("m.onnx", "m.safetensors", architecture="m.json")


def test_the_report_knows_why_keras_3_differs_from_a_file_of_keras_2(tmp_path):
    weights = keras2_case.lstm_weights()
    kind = {"class_name": "InputLayer", "config": {"name": "input_1", "batch_input_shape": [None, T, I]}}
    layers = [kind, keras2_case.lstm_config()]
    path = keras2_case.write(
        tmp_path / "m.h5",
        [("lstm_1", keras2_case.named("lstm_1", weights))],
        architecture={"class_name": "Sequential", "config": {"name": "sequential_1", "layers": layers}},
    )
    report = convert.convert(path, tmp_path / "m.safetensors")
    assert report.kind == "Keras 2" and report.difference > 1e-4
    assert report.compared_with.endswith("(whose hard_sigmoid is not that of Keras 2)")


def test_mistakes_are_told_in_one_line(model, capsys):
    def told(*arguments):
        assert main(["convert", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert told("no.keras", "m.safetensors").endswith("error: no.keras: No such file or directory")
    assert told("m.keras", "no/m.safetensors").endswith("m.safetensors: No such file or directory")
    with open("m.txt", "w") as file:
        file.write("hello")
    assert "m.txt: is in no format that can be read: Keras (.keras, .h5, .hdf5)" in told("m.txt", "m.safetensors")
    refused = sequential(L.GRU(3))
    refused.save("gru.keras")
    assert re.search(r"gru\w* \(GRU\) cannot be read; layers that can: ", told("gru.keras", "gru.safetensors"))
    with pytest.raises(FileNotFoundError):
        open("gru.safetensors")


def test_a_file_is_known_by_its_beginning_too(model):
    model.save("m.h5")
    with open("m.h5", "rb") as file, open("m.model", "wb") as copy:
        copy.write(file.read())
    assert convert.reader_of("m.model").name == "Keras"
