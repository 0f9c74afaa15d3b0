"""``python -m eigenlstm convert`` of weights under PyTorch's names: .pt and safetensors files with one LSTM in them."""

import numpy as np
import pytest
from lstm_case import assert_same_bits

import eigenlstm as el
from eigenlstm.cli import main
from eigenlstm.interop.convert import convert
from eigenlstm.safetensors_files import FileError, write_tensors


def weights(prefix="", dtype=np.float32, **options):
    lstm = el.LSTM(3, 5, seed=0, **options)
    return {prefix + name: value.astype(dtype) for name, value in lstm.state_dict().items()}


@pytest.mark.parametrize("prefix", ["", "encoder.rnn."])
def test_a_safetensors_file_of_another_program(prefix, tmp_path, capsys):
    state = weights(prefix, np.float16, num_layers=2, bidirectional=True)
    write_tensors(tmp_path / "theirs.safetensors", state, {"format": "pt"})
    assert main(["convert", str(tmp_path / "theirs.safetensors"), str(tmp_path / "ours.safetensors")]) == 0
    report = capsys.readouterr().out
    assert f"{prefix}* (16 tensors)  ->  LSTM(input_size=3" in report and "x and y are (B, T, ...)" in report
    lstm = el.load(tmp_path / "ours.safetensors")
    assert_same_bits(lstm.flat_params, el.LSTM.from_state_dict(state, prefix).flat_params)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_that_torch_saved(wrapped, tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(3, 5, 2, batch_first=True)})
    state = module.state_dict()
    torch.save({"epoch": 3, "state_dict": state} if wrapped else state, tmp_path / "model.pt")
    report = convert(tmp_path / "model.pt", tmp_path / "ours.safetensors")
    assert 0 <= report.difference < 1e-6 and "torch.nn.LSTM on 2 random rows" in report.lines()[-1]
    x = torch.randn(2, 4, 3)
    ours = el.load(tmp_path / "ours.safetensors")(x)[0]
    np.testing.assert_allclose(ours, module["lstm"](x)[0].detach(), rtol=1e-5, atol=1e-6)


def test_a_pickled_module_is_not_read(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.LSTM(3, 5), tmp_path / "module.pt")
    with pytest.raises(FileError, match="weights_only=True. refuses it .*a whole pickled module is never read"):
        convert(tmp_path / "module.pt", tmp_path / "ours.safetensors")
    torch.save([torch.zeros(3)], tmp_path / "list.pt")
    with pytest.raises(FileError, match="must hold a state_dict, got list"):
        convert(tmp_path / "list.pt", tmp_path / "ours.safetensors")
    (tmp_path / "noise.pt").write_bytes(b"PK\3\4 and then nothing that torch knows")
    with pytest.raises(FileError, match="noise.pt: torch.load"):
        convert(tmp_path / "noise.pt", tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


REFUSED = {
    "a head beside it": (
        {**weights("lstm."), "head.weight": np.zeros((2, 5), np.float32)},
        "holds LSTMs under 'lstm.' and head.weight; what is done with their results is not in the file",
    ),
    "two": ({**weights("a."), **weights("b.")}, "holds LSTMs under 'a.', 'b.'; what is done"),
    "none": ({"fc.weight": np.zeros(3, np.float32)}, "no weights of an LSTM in it, only fc.weight"),
    "a weight too many": ({**weights(), "scale": np.zeros(3, np.float32)}, "these are no parameters of an LSTM: scale"),
    "a weight missing": ({k: v for k, v in weights().items() if k != "weight_hh_l0"}, "missing weight_hh_l0"),
    "integers": ({k: v.astype(np.int8) for k, v in weights().items()}, "must be of floats .* got int8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_lstm_alone_is_refused(case, tmp_path):
    state, message = REFUSED[case]
    write_tensors(tmp_path / "theirs.safetensors", state, {})
    with pytest.raises(FileError, match=f"theirs.safetensors: .*{message}"):
        convert(tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


def test_our_own_files_need_no_conversion(tmp_path):
    el.save(el.LSTM(3, 5), tmp_path / "ours.safetensors")
    with pytest.raises(FileError, match="is a file of eigenlstm already; eigenlstm.load reads it"):
        convert(tmp_path / "ours.safetensors", tmp_path / "again.safetensors")
