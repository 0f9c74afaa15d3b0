"""Model: a function of layers becomes a graph that is run, trained, copied and checked as a whole."""

import copy
import json
import pickle

import numpy as np
import pytest
from layer_checks import assert_close, differences, same_bits
from model_case import V, sentences, tagger, translator

import eigenlstm as el
from eigenlstm.graph import Graph
from eigenlstm.layers.base import Layer
from eigenlstm.safetensors_files import write_tensors
from eigenlstm.saving import architecture

S, T = np.array([[1, 2, 3, 0], [4, 5, 0, 0], [6, 1, 1, 2]]), np.array([[2, 3, 1], [1, 0, 0], [5, 6, 4]])
LENGTHS = {"source": [3, 2, 4], "target": [3, 1, 2]}


def draw(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def chain(kind, p=0.4):
    lstm, drop, last, head = el.LSTM(3, 4, seed=0), el.Dropout(p), el.Last(), el.Linear(4, 2, seed=1)
    if kind == "Sequential":
        return el.Sequential([lstm, drop, last, head])

    def wired(x):
        hidden, _ = lstm(x)
        return head(last(drop(hidden)))

    return el.Model(wired, x=el.Input((None, 3)))


def test_a_chain_has_the_bits_of_sequential_in_training_too():
    x, y = draw(20, 5, 3), draw(20, 2, seed=1)
    lengths = np.arange(20) % 5 + 1
    fitted = []
    for kind in ("Sequential", "Model"):
        model = chain(kind)
        history = model.fit(
            x, y, loss="mse", optimizer=el.Adam(1e-2), epochs=3, batch_size=4, lengths=lengths, seed=3, verbose=0
        )
        fitted.append((model.flat_params, history[-1]["loss"], model.predict(x, lengths=lengths)))
    (params, loss, y), (params_model, loss_model, y_model) = fitted
    assert same_bits(params, params_model) and loss == loss_model and same_bits(y, y_model)


def test_an_encoder_and_a_decoder_are_the_layers_by_hand():
    model = translator()
    embed, encoder, _, decoder, concat, output = model.layers
    y, tape = model.forward(S, T, lengths=LENGTHS)
    read, source = embed.forward(S)
    _, state, encoded = encoder.forward(read, lengths=LENGTHS["source"])
    before, target = embed.forward(T)
    hidden, _, decoded = decoder.forward(before, state=state, lengths=LENGTHS["target"])
    both, joined = concat.forward(hidden, before)
    expected, spoken = output.forward(both)
    assert same_bits(y, expected)
    dy = draw(*y.shape, seed=5)
    model.zero_grad()
    assert set(model.backward(tape, dy)) == {"source", "target"}
    ours = model.flat_grads.copy()
    model.zero_grad()
    dhidden, dbefore = concat.backward(joined, output.backward(spoken, dy))
    dx, dstate = decoder.backward(decoded, dhidden)
    embed.backward(target, dbefore + dx)
    dread, _ = encoder.backward(encoded, None, dstate)
    embed.backward(source, dread)
    assert same_bits(ours, model.flat_grads)


@pytest.mark.parametrize("build, inputs", [(translator, {"source": S, "target": T}), (tagger, None)])
def test_gradients(build, inputs):
    model = build("float64")
    inputs = inputs or {"word": T, "numbers": draw(3, 3, 2, dtype="float64")}
    lengths = {list(inputs)[-1]: [3, 1, 2]}
    options = dict(lengths=lengths, seed=4)
    y, tape = model.forward(**inputs, **options)
    w = draw(*y.shape, dtype="float64", seed=1)
    model.zero_grad()
    dx = model.backward(tape, w)

    def loss():
        return float((model.forward(**inputs, **options)[0] * w).sum())

    assert_close(model.flat_grads, differences(loss, model.flat_params, 1e-6), 1e-6)
    for name, each in inputs.items():
        if each.dtype.kind == "f":
            assert_close(dx[name], differences(loss, each, 1e-6), 1e-6)
        else:
            assert dx[name] is None
    model.zero_grad()
    assert model.backward(tape, w, need_dx=False) is None
    assert_close(model.flat_grads, differences(loss, model.flat_params, 1e-6), 1e-6)


def test_several_outputs_come_and_go_as_tuples():
    lstm, one, two = (el.LSTM(2, 3, dtype="float64", seed=0), el.Linear(3, 1, dtype="float64"), el.Last())

    def heads(x):
        hidden, (_, c) = lstm(x)
        return one(hidden), two(hidden), c

    model = el.Model(heads, x=el.Input((None, 2)))
    x = draw(2, 4, 2, dtype="float64")
    ys, tape = model.forward(x)
    ws = [draw(*y.shape, dtype="float64", seed=i) for i, y in enumerate(ys)]
    model.zero_grad()
    dx = model.backward(tape, ws)["x"]

    def loss():
        return float(sum((y * w).sum() for y, w in zip(model(x), ws)))

    assert_close(model.flat_grads, differences(loss, model.flat_params, 1e-6), 1e-6)
    assert_close(dx, differences(loss, x, 1e-6), 1e-6)
    with pytest.raises(ValueError, match="fit: the model gives 3 values; a loss takes one"):
        model.fit(x, ws[0], loss="mse", optimizer="adam", verbose=0)


def test_a_row_has_the_bits_that_it_has_alone():
    model = translator()
    y = model(S, T, lengths=LENGTHS)
    for i in range(3):
        s, t = LENGTHS["source"][i], LENGTHS["target"][i]
        assert same_bits(model(S[i : i + 1, :s], T[i : i + 1, :t])[0], y[i, :t])


def test_a_layer_called_twice_has_one_place_and_the_names_are_the_functions():
    model = translator()
    assert list(model.graph.layers) == ["embed", "encoder", "drop", "decoder", "concat", "output"]
    assert list(model.params)[:2] == ["embed.weight", "encoder.weight_ih_l0"]
    assert [node.layer for node in model.graph.nodes] == [0, 1, 0, 2, 3, 4, 5]
    text = str(model.summary())
    assert "embed    Embedding  target" in text and "shared" in text and "encoder.h, encoder.c" in text


def test_layers_are_found_in_an_object():
    class Net:
        def __init__(self):
            self.head = el.Linear(2, 1)

        def run(self, x):
            return self.head(x)

    net = Net()
    assert list(el.Model(net.run, x=el.Input((2,))).params) == ["head.weight", "head.bias"]
    net = Net()
    assert list(el.Model(lambda x: net.head(x), x=el.Input((2,))).params) == ["head.weight", "head.bias"]


def test_copies_and_files(tmp_path):
    model = translator(p=0.2)
    y = model(S, T)
    model.save(tmp_path / "m.safetensors")
    config = json.loads(json.dumps(model.config()))
    for other in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        el.load(tmp_path / "m.safetensors"),
    ):
        assert same_bits(other(source=S, target=T), y) and other.config() == config
        assert repr(other) == repr(model)
        other.flat_params[:] = 0
    assert model.flat_params.any()


def test_sequential_is_a_graph_too():
    words = el.Sequential([el.Embedding(V, 3), el.LSTM(3, 4, seed=1), el.Last(), el.Linear(4, 2)])
    graph = words.graph
    assert [list(node.inputs) for node in graph.nodes] == [[0], [1], [2], [5]]
    assert graph.inputs["x"].dtype == "int64" and graph.values[-1].shape == ("B", 2)
    assert chain("Sequential").graph.values[0].shape == ("B", "T", 3)


def broken(change):
    config = json.loads(json.dumps(translator().config()))
    change(config)
    return config


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("nodes"), "a graph must have inputs, layers, nodes, outputs"),
        (lambda c: c.update(more=1), "a graph must have"),
        (lambda c: c["nodes"][1].update(layer=99), "there is no layer 99: there are 6"),
        (lambda c: c["nodes"][1].update(layer=True), "there is no layer True"),
        (lambda c: c["nodes"][1].update(inputs=[7]), "there is no value 7: there are 3"),
        (lambda c: c["nodes"][1].update(inputs=[-1]), "there is no value -1"),
        (lambda c: c["nodes"][1].update(inputs=[2, 2]), "takes x, or x, h and c, got 2"),
        (lambda c: c["nodes"][1].update(inputs=[0]), "encoder .* takes floats|encoder .* takes 3 axes"),
        (lambda c: c["nodes"][0].update(inputs=[0, 1]), "a node of a Embedding takes one value, got 2"),
        (lambda c: c["nodes"].pop(), "all be called"),
        (lambda c: c.update(outputs=[99]), "there is no value 99"),
        (lambda c: c.update(outputs=[]), "gives no value"),
        (lambda c: c["inputs"][0].update(dtype="text"), "dtype must be"),
        (lambda c: c["inputs"][0].update(shape=[-1]), "a size must be at least 1"),
        (lambda c: c["inputs"][1].update(name="source"), "must be an identifier that no other has"),
        (lambda c: c["layers"][1].update(name="a.b"), "must be an identifier"),
    ],
)
def test_a_graph_that_is_none_is_refused(change, message, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        Graph.from_config(broken(change))


def test_a_file_whose_graph_is_none_is_refused(tmp_path):
    model = translator()
    write_tensors(tmp_path / "good", model.state_dict(), {"eigenlstm": json.dumps(architecture(model))})
    assert repr(el.load(tmp_path / "good")) == repr(model)
    for change in (
        lambda c: c["nodes"][1].update(layer=99),
        lambda c: c["layers"][3]["config"].update(hidden_size=10**9),
        lambda c: c["layers"][0].update(tied="output"),
        lambda c: c.pop("outputs"),
    ):
        about = architecture(model)
        about["architecture"]["config"] = broken(change)
        write_tensors(tmp_path / "bad", model.state_dict(), {"eigenlstm": json.dumps(about)})
        with pytest.raises(el.FileError, match="do not fit"):
            el.load(tmp_path / "bad")


Time, Flat = el.Input((None, 3)), el.Input((3,))


def wired(function, **inputs):
    return lambda: el.Model(function, **inputs)


lstm, wide, head = el.LSTM(3, 4), el.LSTM(3, 4, 2), el.Linear(5, 1)


@pytest.mark.parametrize(
    "build, error, message",
    [
        (wired(lambda x: head(lstm(x)[0]), x=Time), ValueError,
         r"Model: head \(Linear\) does not fit: Linear takes 5 features, got 4; it is called on \(B, x, 4\) of float"),
        (wired(lambda x: lstm(x, wide(x)[1])[0], x=Time), ValueError,
         r"lstm \(LSTM\): h0 must have shape \(1, B, 4\), got \(2, B, 4\)"),
        (wired(lambda x: lstm(x), x=Time), TypeError, "got tuple"),
        (wired(lambda x: 3, x=Time), TypeError, "must return a value, or a tuple of values"),
        (wired(lambda x, y: x, x=Time), TypeError, r"the function takes \(x, y\), but inputs are given for \(x\)"),
        (wired(lambda x: x, x=3), TypeError, "x must be an Input, got int"),
        (wired(lambda seed: seed, seed=Time), ValueError, "can't be called seed"),
        (wired(lambda x: x if x.shape and x else x, x=Time), TypeError, "a shape and no numbers"),
        (wired(lambda x: np.tanh(x), x=Time), TypeError, "Value|operand"),
        (wired(lambda x: x[:, 0], x=Time), TypeError, "along its last axis only"),
        (wired(lambda x: x[..., 5:], x=Time), ValueError, r"Slice \[..., 5:None\] takes nothing of \(B, x, 3\)"),
        (wired(lambda x, y: x + y, x=Time, y=Time), ValueError, r"one shape, got \(B, x, 3\) and \(B, y, 3\)"),
        (wired(lambda x: el.Embedding(4, 2)(x), x=Time), TypeError, "Embedding takes integers, got float"),
        (wired(lambda x: lstm(x, lengths=[3])[0], x=Time), ValueError, "lengths are given with the inputs"),
        (wired(lambda x: el.LSTM(3, 4, time_major=True)(x)[0], x=Time), ValueError, "time_major=True"),
        (wired(lambda x: el.Model(lambda z: z * 2, z=Time)(x), x=Time), TypeError, "can't be called in the function"),
        (wired(lambda x: el.Last()(x), x=Flat), ValueError, r"Last takes \(B, T, F\)"),
        (lambda: el.Sequential([el.Add()]), TypeError, "takes several arrays: wire it by el.Model"),
    ],
)  # fmt: skip
def test_wires_that_do_not_fit_are_refused_when_traced(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    "x, lengths, error, message",
    [
        ({"word": T}, None, TypeError, r"takes \(word, numbers\), got 0 by position and \(word\) by name"),
        ({"word": T * 1.0, "numbers": draw(3, 3, 2)}, None, TypeError, "word must be of integers, got float64"),
        ({"word": T, "numbers": draw(3, 3, 2, dtype="float64")}, None, TypeError, "numbers must have dtype float32"),
        ({"word": T, "numbers": draw(3, 4, 2)}, None, ValueError,
         r"numbers must have shape \(B, T, 2\) = \(3, 3, 2\), got \(3, 4, 2\)"),
        ({"word": T, "numbers": draw(3, 3, 2)}, {"wrd": [1, 1, 1]}, ValueError, "lengths has 'wrd'"),
        ({"word": T, "numbers": draw(3, 3, 2)}, [1, 1, 1], TypeError, "lengths must be a dict"),
        ({"word": T, "numbers": draw(3, 3, 2)}, {"word": [1, 1, 4]}, ValueError, r"lengths must lie in 0..3"),
        ({"word": T, "numbers": draw(3, 3, 2)}, {"word": [1, 1, 1], "numbers": [1, 2, 3]}, ValueError,
         "numbers has other lengths"),
    ],
)  # fmt: skip
def test_wrong_arrays_are_refused(x, lengths, error, message):
    with pytest.raises(error, match=message):
        tagger()(**x, lengths=lengths)


class Add(Layer):
    """A user's own, of the name that a layer has here, too."""

    def __init__(self, much):
        self.much = much
        self._build([])

    def config(self):
        return {"much": self.much}

    def forward(self, x, *, lengths=None, training=True, seed=None):
        return x + np.float32(self.much), ()


def test_a_class_of_the_users_wins_in_his_files(tmp_path):
    theirs = el.Sequential([el.Linear(3, 2, seed=0), Add(2)])
    theirs.save(tmp_path / "theirs")
    again = el.load(tmp_path / "theirs")
    assert type(again[1]) is Add and same_bits(again(draw(2, 3)), theirs(draw(2, 3)))
    ours = el.Model(lambda x: x + x * 2, x=Flat)
    ours.save(tmp_path / "ours")
    assert type(el.load(tmp_path / "ours").layers[1]) is el.Add


def test_threads_change_no_bit():
    x, y = {"source": sentences(30), "target": sentences(30, seed=1)}, sentences(30, seed=1)
    results = []
    for threads in (1, 2):
        el.set_num_threads(threads)
        model = translator(p=0.3)
        model.fit(x, y, loss="cross_entropy", optimizer="adam", epochs=2, batch_size=7, seed=1, verbose=0)
        results.append(model.flat_params.copy())
    el.set_num_threads(2)
    assert same_bits(*results)
