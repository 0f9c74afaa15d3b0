"""el.torch.replace: a model's LSTMs become ours in place, and nothing else about it changes."""

import copy

import pytest

import eigenlstm as el

torch = pytest.importorskip("torch", reason="PyTorch is what these modules are made for")
from torch import nn  # noqa: E402


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.encoder = nn.LSTM(4, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.cells = nn.ModuleList([nn.LSTMCell(12, 5), nn.LSTMCell(5, 5)])
        self.head = nn.Linear(5, 3)

    def forward(self, words):
        y, _ = self.encoder(self.embedding(words))
        states = [None, None]
        outputs = []
        for y_t in y.unbind(1):
            for i, cell in enumerate(self.cells):
                states[i] = cell(y_t, states[i])
                y_t = states[i][0]
            outputs.append(self.head(y_t))
        return torch.stack(outputs, 1)


WORDS = torch.arange(20).reshape(4, 5) % 10


def test_a_model_gives_the_same_with_the_same_parameters():
    model = Tagger()
    expected, parameters, modules = model(WORDS), dict(model.named_parameters()), dict(model.named_modules())
    report = el.torch.replace(model)
    assert report.replaced == {
        "encoder": "LSTM(4, 6, num_layers=2, batch_first=True, bidirectional=True)",
        "cells.0": "LSTMCell(12, 5)",
        "cells.1": "LSTMCell(5, 5)",
    }
    assert report.kept == {}
    assert str(report).startswith("replaced encoder: LSTM(4, 6, num_layers=2")
    assert type(model.encoder) is el.torch.LSTM and type(model.cells[1]) is el.torch.LSTMCell
    assert all(a is b for a, b in zip(parameters.values(), dict(model.named_parameters()).values()))
    assert all(a is b for a, b in zip(modules.values(), dict(model.named_modules()).values()))
    torch.testing.assert_close(model(WORDS), expected)


def test_an_optimizer_made_before_goes_on():
    torch.manual_seed(0)
    theirs = Tagger()
    ours = copy.deepcopy(theirs)
    optimizers = [torch.optim.Adam(model.parameters(), 0.01) for model in (theirs, ours)]
    target = torch.randn(4, 5, 3)
    for step in range(6):
        if step == 3:
            el.torch.replace(ours)
        for model, optimizer in zip((theirs, ours), optimizers):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(WORDS), target).backward()
            optimizer.step()
    for (name, a), b in zip(theirs.named_parameters(), ours.parameters()):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_a_model_that_is_an_lstm_itself_keeps_mode_hooks_and_references():
    lstm = nn.LSTM(3, 5).eval()
    holder = nn.ModuleDict({"a": lstm, "b": lstm})
    seen = []
    lstm.register_forward_hook(lambda *_: seen.append(1))
    report = el.torch.replace(lstm)
    assert report.replaced == {"": "LSTM(3, 5)"} and "replaced (the model itself): LSTM(3, 5)" in str(report)
    assert holder["a"] is holder["b"] is lstm and not lstm.training
    lstm(torch.zeros(2, 1, 3))
    assert seen == [1]


def test_tied_weights_stay_tied():
    model = nn.ModuleList([nn.LSTM(3, 5), nn.LSTM(3, 5)])
    model[1].weight_hh_l0 = model[0].weight_hh_l0
    el.torch.replace(model)
    x = torch.randn(2, 1, 3)
    before = model[1](x)[0]
    with torch.no_grad():
        model[0].weight_hh_l0.add_(1)
        assert model[1].weight_hh_l0 is model[0].weight_hh_l0
    assert not torch.equal(model[1](x)[0], before)
    (model[0](x)[0].sum() + model[1](x)[0].sum()).backward()
    assert model[0].weight_hh_l0.grad is not None


class Renamed(nn.LSTM):
    pass


class MyLSTM(nn.Module):
    pass


KEPT = {
    "bfloat16": (lambda: nn.LSTM(3, 5).bfloat16(), "its weights are torch.bfloat16, and eigenlstm computes in float32"),
    "meta": (lambda: nn.LSTM(3, 5, device="meta"), "its weights are on meta, and eigenlstm computes on the CPU"),
    "dropout": (lambda: nn.LSTM(3, 5, 2, dropout=1.0), "its dropout is 1"),
    "subclass": (lambda: Renamed(3, 5), "Renamed is a subclass of torch's"),
    "parametrized": (
        lambda: nn.utils.parametrizations.weight_norm(nn.LSTM(3, 5), "weight_hh_l0"),
        "it is parametrized; replace it before",
    ),
    "GRU": (lambda: nn.GRU(3, 5), "it is a GRU; only LSTMs are replaced"),
    "GRUCell": (lambda: nn.GRUCell(3, 5), "it is a GRUCell"),
    "ours": (lambda: el.torch.LSTM(3, 5), "it is eigenlstm's already"),
    "homemade": (MyLSTM, "MyLSTM is not torch's LSTM"),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_kept_is_said_with_the_reason(case):
    make, reason = KEPT[case]
    model = nn.Sequential(nn.Linear(2, 3), make())
    kind, state = type(model[1]), dict(model[1].named_parameters())
    report = el.torch.replace(model)
    assert report.replaced == {} and list(report.kept) == ["1"] and reason in report.kept["1"]
    assert f"kept 1: {report.kept['1']}" == str(report)
    assert type(model[1]) is kind and all(a is b for a, b in zip(state.values(), model[1].parameters()))


def test_no_lstm_and_no_model():
    assert str(el.torch.replace(nn.Linear(2, 3))) == "there is no LSTM in this model"
    with pytest.raises(TypeError, match="model must be a torch.nn.Module, got OrderedDict"):
        el.torch.replace(nn.Linear(2, 3).state_dict())


def test_a_replaced_model_is_saved_and_loaded_by_torchs_own():
    theirs, ours = Tagger(), Tagger()
    el.torch.replace(ours)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    torch.testing.assert_close(ours(WORDS), theirs(WORDS))
    twin = copy.deepcopy(ours)
    assert torch.equal(twin(WORDS), ours(WORDS))
