"""el.torch.from_torch: chains of PyTorch's layers become models of ours; what is no chain is refused by name."""

import numpy as np
import pytest

import eigenlstm as el

torch = pytest.importorskip("torch", reason="PyTorch is where the models come from")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

X = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0))


class Chain(nn.Module):
    """LSTM(3, 5) and what `after` makes of its result; `after` gets the module, y, h and x."""

    def __init__(self, after, **options):
        super().__init__()
        torch.manual_seed(0)
        self.lstm = nn.LSTM(3, 5, batch_first=options.pop("batch_first", True), **options)
        self.head = nn.Linear(10 if options.get("bidirectional") else 5, 2)
        self.norm, self.drop, self.after = nn.LayerNorm(5), nn.Dropout(0.5), after

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        return self.after(self, y, h, x)


class WithZeros(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 5, 2, batch_first=True)

    def forward(self, x, hx=None):
        h0 = torch.zeros(2, x.size(0), 5).to(x.device)
        y, hx = self.lstm(x, (h0, x.new_zeros(2, x.shape[0], 5).detach()))
        return y


class WithDefault(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x, hx=None):
        return self.head(self.lstm(x, hx)[0])


CHAINS = {
    "all steps": (lambda m, y, h, x: m.head(y), {}),
    "last step": (lambda m, y, h, x: m.head(y[:, -1]), {}),
    "last step in full": (lambda m, y, h, x: m.head(y[:, -1, :]), dict(num_layers=2)),
    "last step of both": (lambda m, y, h, x: m.head(y[:, -1]), dict(bidirectional=True)),
    "last h": (lambda m, y, h, x: m.head(h[-1]), dict(num_layers=2)),
    "last h by its number": (lambda m, y, h, x: m.head(h[1]), dict(num_layers=2)),
    "both last h": (
        lambda m, y, h, x: m.head(torch.cat((h[-2], h[-1]), dim=1)),
        dict(bidirectional=True, num_layers=2),
    ),
    "mean": (lambda m, y, h, x: m.head(y.mean(dim=1)), {}),
    "maximum": (lambda m, y, h, x: m.head(torch.max(y, 1)[0]), {}),
    "maximum by name": (lambda m, y, h, x: m.head(y.max(dim=1).values), {}),
    "amax": (lambda m, y, h, x: m.head(torch.amax(y, dim=1)), {}),
    "normalised": (lambda m, y, h, x: m.head(m.drop(torch.relu(m.norm(y))).contiguous()), {}),
    "functions": (
        lambda m, y, h, x: F.log_softmax(m.head(F.dropout(F.leaky_relu(y, 0.2), 0.1, m.training)), dim=-1),
        {},
    ),
    "methods": (lambda m, y, h, x: m.head(y).tanh().sigmoid().softmax(-1), {}),
    "projection": (lambda m, y, h, x: F.softplus(y), dict(proj_size=2)),
    "no bias": (lambda m, y, h, x: F.gelu(y, approximate="tanh"), dict(bias=False)),
}


TIME_MAJOR = {
    "all steps": lambda m, y, h, x: m.head(y),
    "last step": lambda m, y, h, x: m.head(y[-1]),
    "last h": lambda m, y, h, x: m.head(h[0]),
    "mean": lambda m, y, h, x: m.head(y.mean(0)),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("case", CHAINS)
def test_a_chain_computes_the_same(case):
    after, options = CHAINS[case]
    module = Chain(after, **options).eval()
    model = el.torch.from_torch(module)
    assert isinstance(model, el.Sequential)
    np.testing.assert_allclose(model(X.numpy()), module(X).detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", TIME_MAJOR)
def test_a_chain_over_time_first_becomes_one_over_rows_first(case):
    module = Chain(TIME_MAJOR[case], batch_first=False).eval()
    expected = module(X.transpose(0, 1)).detach()
    expected = expected.transpose(0, 1) if expected.ndim == 3 else expected
    np.testing.assert_allclose(el.torch.from_torch(module)(X.numpy()), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [WithZeros, WithDefault])
def test_initial_states_of_zeros(make):
    module = make()
    np.testing.assert_allclose(el.torch.from_torch(module)(X.numpy()), module(X).detach(), rtol=1e-5, atol=1e-6)


ACTIVATIONS = [
    nn.ReLU(),
    nn.ReLU6(),
    nn.Tanh(),
    nn.Sigmoid(),
    nn.Softsign(),
    nn.SELU(),
    nn.SiLU(),
    nn.Hardswish(),
    nn.Hardsigmoid(),
    nn.LeakyReLU(0.3),
    nn.ELU(0.7),
    nn.Softplus(),
    nn.Threshold(0.4, 0),
    nn.GELU("tanh"),
    nn.Softmax(-1),
    nn.LogSoftmax(-1),
    nn.Identity(),
]


@pytest.mark.parametrize("part", ACTIVATIONS, ids=str)
def test_activations(part):
    module = nn.Sequential(nn.Linear(3, 6), part, nn.Linear(6, 2))
    with torch.no_grad():
        module[0].weight.mul_(4)
    np.testing.assert_allclose(el.torch.from_torch(module)(X.numpy()), module(X).detach(), rtol=2e-5, atol=1e-6)


def test_a_sequential_of_an_lstm_passes_y_on():
    """torch itself cannot run it: an LSTM gives a tuple."""
    module = nn.Sequential(nn.Embedding(9, 3, padding_idx=0), nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2))
    model = el.torch.from_torch(module)
    words = torch.arange(12).reshape(3, 4) % 9
    expected = module[2](module[1](module[0](words))[0])
    np.testing.assert_allclose(model(words.numpy()), expected.detach(), rtol=1e-5, atol=1e-6)
    assert model.layers[0].padding_idx == 0


def test_the_model_is_trained_and_saved(tmp_path):
    module = Chain(lambda m, y, h, x: m.head(y[:, -1]), num_layers=2, dropout=0.25)
    model = el.torch.from_torch(module)
    assert model.layers[0].config()["dropout"] == 0.25
    before = module.lstm.weight_ih_l0.detach().clone()
    model.fit(X.numpy(), np.zeros((4, 2), np.float32), loss="mse", optimizer=el.Adam(0.01), epochs=1, verbose=0)
    assert torch.equal(module.lstm.weight_ih_l0, before)  # the weights are copies
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(el.load(tmp_path / "model.safetensors")(X.numpy()), model(X.numpy()))


@pytest.mark.parametrize("batch_first", [True, False])
def test_an_lstm_becomes_an_lstm(batch_first):
    module = nn.LSTM(3, 5, 2, batch_first=batch_first, dtype=torch.float64)
    lstm = el.torch.from_torch(module)
    x = X.double()
    y, (h, c) = lstm(x)
    for a, b in zip((y, h, c), (lambda y, s: (y, *s))(*module(x))):
        np.testing.assert_allclose(a, b.detach(), rtol=1e-10, atol=1e-12)
    assert lstm.time_major is not batch_first


def test_our_own_modules_with_their_variants():
    module = nn.Sequential(
        el.torch.LSTM(3, 5, batch_first=True, peephole=True, cell_clip=0.2, merge="sum", bidirectional=True)
    )
    expected = module[0](X)[0]
    np.testing.assert_array_equal(el.torch.from_torch(module)(X.numpy()), expected.detach())


def test_half_precision_becomes_float32():
    module = nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 5, batch_first=True)).bfloat16()
    model = el.torch.from_torch(module)
    assert model.dtype == np.float32
    np.testing.assert_array_equal(model.layers[0].params["weight"], module[0].weight.detach().float())


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        self.a(x)
        return self.b(x)


class Looks(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return torch.tanh(x)


REFUSED = {
    "skip": (lambda: Chain(lambda m, y, h, x: y + x), "add: this operation has no counterpart in a Sequential"),
    "branch": (Branch, "b .Linear.: this is no chain: its input goes into another part, too"),
    "view": (lambda: Chain(lambda m, y, h, x: y.reshape(y.size(0), -1)), "reshape: this operation has no counterpart"),
    "first step": (lambda: Chain(lambda m, y, h, x: y[:, 0]), "getitem: .*must be the last step"),
    "c": (lambda: Chain(lambda m, y, h, x: m.lstm(x)[1][1]), "this is no chain|must be the last step"),
    "half of h": (
        lambda: Chain(lambda m, y, h, x: h[-1], bidirectional=True),
        "what forward returns: its input is not",
    ),
    "mean of features": (lambda: Chain(lambda m, y, h, x: y.mean(2)), "mean: it must be over time"),
    "exact GELU": (lambda: nn.Sequential(nn.GELU()), "0 .GELU.: GELU.* has settings that have no counterpart here"),
    "softmax over time": (lambda: nn.Sequential(nn.Softmax(1)), "Softmax.dim=1. has settings"),
    "convolution": (lambda: nn.Sequential(nn.Conv1d(3, 4, 2)), "0 .Conv1d.: this module has no counterpart here"),
    "GRU": (lambda: nn.Sequential(nn.GRU(3, 4)), "0 .GRU.: this module has no counterpart here"),
    "layouts": (
        lambda: nn.Sequential(nn.LSTM(3, 4, batch_first=True), nn.LSTM(4, 5)),
        "1 .LSTM.: it has another batch_first than the LSTM before it",
    ),
    "several results": (lambda: Chain(lambda m, y, h, x: (y, h)), "what forward returns: it must be one tensor"),
    "control flow": (Looks, "torch.fx cannot record what this module's forward does"),
    "two inputs": (TwoInputs, "y: there must be one input"),
    "norm": (lambda: nn.Sequential(nn.LayerNorm((4, 3))), "0 .LayerNorm.: it must be over the last axis"),
    "max_norm": (lambda: nn.Sequential(nn.Embedding(4, 3, max_norm=1.0)), "max_norm and scale_grad_by_freq"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_chain_is_refused_by_name(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=f"el.torch.from_torch: .*{message}"):
        el.torch.from_torch(make())


def test_a_state_dict_is_no_module():
    with pytest.raises(TypeError, match="module must be a torch.nn.Module, got OrderedDict"):
        el.torch.from_torch(nn.Linear(2, 3).state_dict())
