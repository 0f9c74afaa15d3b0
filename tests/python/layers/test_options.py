"""Every option of a layer can be read back under its name, and none can be assigned to; wrong kinds and values are
refused alike.
"""

import copy
import inspect

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.layers.lstm_options import CONSTRUCTOR, DEFAULTS

MADE = [
    (el.Linear, dict(in_features=3, out_features=2, bias=False, dtype="float64", seed=4)),
    (el.Embedding, dict(num_embeddings=7, embedding_dim=3, padding_idx=2, dtype="float64", seed=5)),
    (el.Dropout, dict(p=0.25, seed=6)),
    (el.SpatialDropout1D, dict(p=0.25, seed=6)),
    (el.LayerNorm, dict(features=3, eps=1e-3, dtype="float64")),
    (el.Attention, dict(query_size=3, memory_size=4, score="general", scale=True, dtype="float64", seed=8)),
    (el.Attention, dict(query_size=3, memory_size=4, score="additive", hidden_size=5, scale=False, seed=8)),
    (el.CRF, dict(num_tags=3, dtype="float64", seed=9)),
    (
        el.Conv1D,
        dict(
            in_channels=3,
            out_channels=2,
            kernel_size=5,
            padding="causal",
            dilation=2,
            bias=False,
            dtype="float64",
            seed=10,
        ),
    ),
    (el.StackFrames, dict(count=3)),
    (el.Shift, dict(start=2)),
    (el.Shift, dict(start=0.5)),
    (el.Slice, dict(start=-2, stop=None)),
    (el.Last, dict(bidirectional=True, reverse=False, merge="sum")),
    (
        el.LSTM,
        dict(
            input_size=3,
            hidden_size=(8, 4),
            num_layers=2,
            bias=True,
            bidirectional=True,
            dropout=0.2,
            proj_size=2,
            time_major=True,
            dtype="float64",
            init="torch",
            forget_bias=0.5,
            seed=7,
            peephole=True,
            layer_norm=True,
            activations=("sigmoid", ("elu", 0.5), "tanh"),
            gate_clip=3.0,
            cell_clip=4.0,
            merge="mean",
            learned_state=True,
            input_dropout=0.1,
            recurrent_dropout=0.3,
            zoneout=(0.1, 0.2),
            weight_drop=0.4,
            missing="mask",
        ),
    ),
    (el.LSTM, dict(input_size=3, hidden_size=8, zoneout=0.1, coupled_input_forget=True, reverse=True, dropout=0.0)),
    (el.LSTM, dict(input_size=3, hidden_size=8, num_layers=3, residual=True, dropout=(0.1, 0.2, 0.0), bias=False)),
]
SAME = [copy.deepcopy, lambda layer: type(layer).from_config(layer.config())]


@pytest.mark.parametrize("cls, given", MADE, ids=str)
def test_what_was_given_can_be_read_back(cls, given):
    made = cls(**given)
    for layer in (made, *(same(made) for same in SAME)):
        for name, value in given.items():
            assert getattr(layer, name) == value, name
            assert name == "dtype" or type(getattr(layer, name)) is type(value), name
    assert cls(**made.config()).config() == made.config()


def test_the_signature_of_a_layer_is_that_of_its_constructor():
    for cls in (el.Dropout, el.SpatialDropout1D, el.LSTM):
        ours = list(inspect.signature(cls).parameters.values())
        assert ours == list(inspect.signature(cls.__init__).parameters.values())[1:]
    assert list(inspect.signature(el.LSTM(2, 3)).parameters) == list(inspect.signature(el.LSTM.__call__).parameters)[1:]


@pytest.mark.parametrize("cls, given", MADE, ids=str)
def test_an_option_cannot_be_assigned_to(cls, given):
    layer = cls(**given)
    before = layer.config()
    for name in inspect.signature(cls).parameters:
        with pytest.raises(
            AttributeError, match=rf"^{cls.__name__}\.{name} is fixed .*{cls.__name__}\(\.\.\., {name}=0\.5"
        ):
            setattr(layer, name, 0.5)
    assert layer.config() == before


def test_the_activation_layer_gives_back_its_function():
    layer = el.Activation("elu", 0.5)
    assert (layer.name, layer.parameters) == ("elu", (0.5,))
    assert el.Activation.from_config(layer.config()).config() == {"name": "elu", "parameters": [0.5]}
    with pytest.raises(AttributeError, match="Activation.name is fixed"):
        layer.name = "relu"


def test_a_tied_layer_gives_back_its_embedding():
    embedding = el.Embedding(5, 3, seed=1)
    layer = el.TiedLinear(embedding, bias=False)
    assert layer.embedding is embedding and layer.bias is False and layer.config() == {"bias": False}
    for name in ("embedding", "bias"):
        with pytest.raises(AttributeError, match=rf"^TiedLinear\.{name} is fixed when the layer is made"):
            setattr(layer, name, True)
    both = copy.deepcopy(el.Sequential([embedding, el.LSTM(3, 3), layer]))
    assert both[2].embedding is both[0] and both[2].bias is False


@pytest.mark.parametrize("cls", [el.Add, el.Multiply, el.Concat, el.Gather, el.Scatter, el.JoinDirections, el.Reverse])
def test_a_layer_without_options_has_an_empty_config(cls):
    assert cls().config() == {} and type(cls.from_config({})) is cls
    with pytest.raises(TypeError, match=f"^{cls.__name__}: there is no argument 'axis'$"):
        cls(axis=1)


def test_a_list_that_was_given_is_not_shared():
    sizes, zoneout = [8, 4], [0.1, 0.2]
    lstm = el.LSTM(3, sizes, zoneout=zoneout)
    lstm.config()["zoneout"][0] = sizes[0] = zoneout[0] = 9
    assert (lstm.hidden_size, lstm.zoneout) == ((8, 4), (0.1, 0.2))


def test_the_constructor_and_the_table_of_options_name_the_same():
    parameters = inspect.signature(el.LSTM).parameters
    assert set(parameters) == CONSTRUCTOR
    plain = el.LSTM(3, 8)
    for name, default in DEFAULTS.items():
        assert plain._variants[name] == default
        assert plain.config().get(name) is None  # what is the default is not written


def test_a_layer_of_ones_own_is_as_free_as_before():
    class FreeLinear(el.Linear):
        def __init__(self, n, factor=2.0):
            super().__init__(n, n)
            self.factor = factor

    layer = FreeLinear(3)
    layer.factor = 3.0
    with pytest.raises(AttributeError, match="FreeLinear.bias is fixed"):
        layer.bias = False


NO_FLAG = ["no", 1, 0, None, np.float32(1)]
WRONG = [
    *((lambda v=v: el.Linear(3, 2, bias=v), TypeError, "Linear: bias must be True or False") for v in NO_FLAG),
    *((lambda v=v: el.Last(bidirectional=v), TypeError, "Last: bidirectional must be True") for v in NO_FLAG),
    *((lambda v=v: el.Last(reverse=v), TypeError, "Last: reverse must be True or False") for v in NO_FLAG),
    (lambda: el.Last(merge=1), TypeError, "Last: merge must be one of 'concat', 'sum', 'mean', 'mul', got 1"),
    (lambda: el.Linear("3", 2), TypeError, "Linear: in_features must be an integer, got '3'"),
    (lambda: el.Linear(3, 0), ValueError, "Linear: out_features must be at least 1, got 0"),
    (lambda: el.Linear(3, 2, seed="1"), TypeError, "Linear: seed must be an integer, got '1'"),
    (lambda: el.Linear(3, 2, seed=-1), ValueError, "Linear: seed must be an integer in 0"),
    (lambda: el.Embedding(3, 2, padding_idx="0"), TypeError, "Embedding: padding_idx must be an integer, got '0'"),
    (lambda: el.Embedding(3, 2, padding_idx=True), TypeError, "Embedding: padding_idx must be an integer, got True"),
    (lambda: el.Embedding(3, 2, padding_idx=3), ValueError, r"Embedding: padding_idx must lie in -3\.\.2, got 3"),
    (lambda: el.Dropout("0.5"), TypeError, "Dropout: p must be a number, got '0.5'"),
    (lambda: el.Dropout(True), TypeError, "Dropout: p must be a number, got True"),
    (lambda: el.Dropout(1), ValueError, "Dropout: p must be at least 0 and below 1, got 1.0"),
    (lambda: el.LayerNorm(3, eps="1"), TypeError, "LayerNorm: eps must be a number, got '1'"),
    (lambda: el.LayerNorm(3, eps=-1), ValueError, "LayerNorm: eps must be a positive number, got -1.0"),
    (lambda: el.LSTM(3, 2, init=0), TypeError, "LSTM: init must be one of 'default', 'torch', got 0"),
    (lambda: el.LSTM(3, 2, init="keras"), ValueError, "LSTM: init must be one of 'default', 'torch', got 'keras'"),
    (lambda: el.LSTM(3, 2, gate_clip=10**400), ValueError, "LSTM: gate_clip is too large for a float"),
    (lambda: el.Activation(3), TypeError, "Activation: name must be a string, got 3"),
    (lambda: el.Activation("tan"), ValueError, "Activation: name must be one of linear, "),
]


@pytest.mark.parametrize("make, error, message", WRONG)
def test_a_wrong_kind_is_a_type_error_and_a_wrong_value_a_value_error(make, error, message):
    with pytest.raises(error, match="^" + message):
        make()


@pytest.mark.parametrize("lengths", [[3, 2], (3, 2), np.array([3, 2]), [np.int64(3), np.int64(1)], [3, 2, 1]])
def test_lengths_in_the_place_of_the_state(lengths):
    x = np.zeros((len(lengths), 3, 3), np.float32)
    lstm = el.LSTM(3, 2)
    for call in (lstm, lstm.forward):
        with pytest.raises(TypeError, match=r"^LSTM\.forward: state must be a pair .* write lengths=\.\.\."):
            call(x, lengths)
