"""What el.torch's modules refuse: as torch does, with errors of torch's types; and what only ours refuse."""

import subprocess
import sys

import pytest

import eigenlstm as el

torch = pytest.importorskip("torch", reason="PyTorch is what these modules are made for")
from torch import nn  # noqa: E402
from torch.nn.utils.rnn import pack_sequence  # noqa: E402

X, H = torch.zeros(4, 2, 3), torch.zeros(2, 2, 5)
LAYER = {
    "no steps": lambda m: m(torch.zeros(0, 2, 3)),
    "features": lambda m: m(X[..., :2]),
    "features of a row": lambda m: m(X[:, 0, :2]),
    "one axis": lambda m: m(X[0, 0]),
    "four axes": lambda m: m(X[None]),
    "dtype": lambda m: m(X.double()),
    "integers": lambda m: m(X.long()),
    "dtype of h": lambda m: m(X, (H.double(), H)),
    "dtype of c": lambda m: m(X, (H, H.double())),
    "rows of h": lambda m: m(X, (H[:, :1], H)),
    "rows of c": lambda m: m(X, (H, H[:, :1])),
    "layers of h": lambda m: m(X, (H[:1], H)),
    "width of h": lambda m: m(X, (H[..., :4], H)),
    "unbatched h": lambda m: m(X, (H[:, 0], H[:, 0])),
    "batched h": lambda m: m(X[:, 0], (H, H)),
    "only h": lambda m: m(X, (H,)),
    "another device": lambda m: m(X.to("meta")),
    "packed: dtype": lambda m: m(pack_sequence([X[:, 0].double()])),
    "an array": lambda m: m(X.numpy()),
}
CELL = {
    "features": lambda m: m(X[0, :, :2]),
    "three axes": lambda m: m(X),
    "dtype": lambda m: m(X[0].double()),
    "dtype of h": lambda m: m(X[0], (H[0].double(), H[0])),
    "rows of h": lambda m: m(X[0], (H[0, :1], H[0])),
    "rows of c": lambda m: m(X[0], (H[0], H[0, :1])),
    "width of h": lambda m: m(X[0], (H[0, :, :4], H[0])),
    "width of c": lambda m: m(X[0], (H[0], H[0, :, :4])),
    "unbatched h": lambda m: m(X[0], (H[0, 0], H[0, 0])),
    "batched h": lambda m: m(X[0, 0], (H[0], H[0])),
    "h of three axes": lambda m: m(X[0], (H, H)),
}
CONSTRUCTORS = {
    "a float": lambda cls: cls(3.0, 5),
    "no input": lambda cls: cls(0, 5),
    "negative width": lambda cls: cls(3, -1),
    "no layers": lambda cls: cls(3, 5, 0),
    "dropout": lambda cls: cls(3, 5, 2, dropout=1.5),
    "dropout that is no number": lambda cls: cls(3, 5, 2, dropout="much"),
    "bias": lambda cls: cls(3, 5, bias=1),
    "batch_first": lambda cls: cls(3, 5, batch_first="yes"),
    "projection as wide": lambda cls: cls(3, 5, proj_size=5),
    "an unknown option": lambda cls: cls(3, 5, colour="red"),
}


def error_of(call, argument):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of which type is what is asked
        call(argument)
    return caught.value


@pytest.mark.parametrize("case", LAYER)
def test_the_layer_refuses_with_torchs_error(case):
    theirs, ours = (error_of(LAYER[case], cls(3, 5, 2)) for cls in (nn.LSTM, el.torch.LSTM))
    assert type(ours) is type(theirs)
    if "dtype of" not in case and case != "packed: dtype":  # which torch reports from inside of its kernels
        assert str(ours) == str(theirs)


@pytest.mark.parametrize("case", CELL)
def test_the_cell_refuses_with_torchs_error(case):
    theirs, ours = (error_of(CELL[case], cls(3, 5)) for cls in (nn.LSTMCell, el.torch.LSTMCell))
    assert type(ours) is type(theirs)
    if "dtype" not in case:
        assert str(ours) == str(theirs)


@pytest.mark.parametrize("case", CONSTRUCTORS)
def test_the_constructor_refuses_with_torchs_error(case):
    theirs, ours = (error_of(CONSTRUCTORS[case], cls) for cls in (nn.LSTM, el.torch.LSTM))
    assert type(ours) is type(theirs)


def test_what_only_ours_refuse():
    with pytest.raises(ValueError, match="LSTM: dropout must be below 1, got 1.0"):
        el.torch.LSTM(3, 5, 2, dropout=1.0)
    with pytest.raises(TypeError, match="LSTM: unexpected keyword 'colour'; variants are .*peephole,"):
        el.torch.LSTM(3, 5, colour="red")
    with pytest.raises(ValueError, match="cell_clip must be None or a positive number, got -1"):
        el.torch.LSTM(3, 5, cell_clip=-1)
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size. Expected 3, got 2"):
        el.torch.LSTM(3, 5)(pack_sequence([X[:, 0, :2]]))
    with pytest.raises(RuntimeError, match=r"Expected hidden\[0\] size \(2, 1, 5\), got \[2, 2, 5\]"):
        el.torch.LSTM(3, 5, 2)(pack_sequence([X[:, 0]]), (H, H))
    for dtype in (torch.float16, torch.bfloat16):
        module = el.torch.LSTM(3, 5).to(dtype)
        with pytest.raises(RuntimeError, match=f"eigenlstm computes in float32 and float64, got weights of {dtype}"):
            module(X.to(dtype))


def test_under_autocast_the_weights_dtype_is_kept():
    module, head = el.torch.LSTM(3, 5), nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = head(X)
        assert x.dtype == torch.bfloat16
        y, _ = module(x, (torch.zeros(1, 2, 5), torch.zeros(1, 2, 5)))
    assert y.dtype == torch.float32
    assert torch.equal(y, module(x.float())[0])
    y.sum().backward()
    assert head.weight.grad is not None


def test_without_torch_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import eigenlstm as el\n"
        "assert not any(name.startswith('eigenlstm.interop.torch') for name in sys.modules)\n"
        "try:\n    el.torch\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == 'el.torch needs PyTorch: pip install "eigenlstm[torch]"\n'
