"""Parameters as views, tapes as values: what is changed when, and who sees it."""

import pickle

import numpy as np
import pytest
from lstm_case import Case, Run, assert_all_same_bits, assert_same_bits

import eigenlstm as el

CASE = Case(3, 4, 3, 5, num_layers=2, bidirectional=True)


def fresh_outputs(lstm, x):
    """What a new layer with the same values gives: it cannot have packed anything before."""
    other = el.LSTM(3, 5, num_layers=2, bidirectional=True)
    other.load_state_dict(lstm.state_dict())
    return other(x)[0]


def through_a_new_dict(lstm):
    lstm.params["bias_l0"][:] += 0.25


def through_a_kept_view(lstm, kept={}):
    view = kept.setdefault(id(lstm), lstm.params["weight_hh_l1"])
    view *= 1.5


def through_a_slice(lstm):
    lstm.params["weight_ih_l0"][2:3, ::2] -= 0.3


def through_one_element(lstm):
    lstm.params["weight_hh_l0_reverse"][0, 0] += 1


def through_the_flat_buffer(lstm):
    lstm.flat_params[7] += 2


def through_an_operation_on_the_flat_buffer(lstm):
    lstm.flat_params[...] = lstm.flat_params * 0.5


def by_assignment_to_the_dict(lstm):
    lstm.params["bias_l1"] = lstm.params["bias_l1"] + np.float32(0.5)


def by_assignment_to_the_flat_buffer(lstm):
    lstm.flat_params = lstm.flat_params - 0.01


def through_numpys_out(lstm):
    view = lstm.params["weight_ih_l1"]
    np.negative(view, out=view)


def through_a_memoryview(lstm):
    view = memoryview(lstm.params["bias_l0_reverse"])
    view[3] = view[3] + 1.25


def through_a_transposed_view(lstm):
    lstm.params["weight_ih_l0"].T[1] *= 0.7


def through_load_state_dict(lstm):
    lstm.load_state_dict({name: value * np.float32(0.9) for name, value in lstm.state_dict().items()})


def through_a_tensor(lstm):
    torch = pytest.importorskip("torch", reason="shares memory through torch.from_numpy")
    tensor = torch.from_numpy(lstm.params["weight_hh_l0"])
    with torch.no_grad():
        tensor.mul_(0.5)


CHANGES = [
    through_a_new_dict,
    through_a_kept_view,
    through_a_slice,
    through_one_element,
    through_the_flat_buffer,
    through_an_operation_on_the_flat_buffer,
    by_assignment_to_the_dict,
    by_assignment_to_the_flat_buffer,
    through_numpys_out,
    through_a_memoryview,
    through_a_transposed_view,
    through_load_state_dict,
    through_a_tensor,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_of_the_weights_is_seen_by_the_next_call(change):
    run = Run(CASE)
    before = run.lstm(run.x)[0]
    for _ in range(2):  # the second time, views may be remembered as handed out
        change(run.lstm)
        after = run.lstm(run.x)[0]
        assert not np.array_equal(before, after)
        assert_same_bits(after, fresh_outputs(run.lstm, run.x))
        before = after


def test_views_kept_from_before_stay_live():
    run = Run(CASE)
    kept = [
        run.lstm.params["bias_l0"],
        run.lstm.flat_params[10:20],
        run.lstm.params["weight_hh_l0"][1:][::2],
        memoryview(run.lstm.params["weight_ih_l1"]),
    ]
    before = run.lstm(run.x)[0]
    for view in kept:
        np.asarray(view)[...] = 0.123
        after = run.lstm(run.x)[0]
        assert not np.array_equal(before, after)
        assert_same_bits(after, fresh_outputs(run.lstm, run.x))
        before = after


def test_a_tensor_kept_from_before_stays_live():
    torch = pytest.importorskip("torch", reason="shares memory through torch.from_numpy")
    run = Run(CASE)
    tensor = torch.from_numpy(run.lstm.params["weight_hh_l0"])
    for _ in range(3):
        tensor.add_(0.1)
        assert_same_bits(run.lstm(run.x)[0], fresh_outputs(run.lstm, run.x))


def test_params_and_grads_are_views_of_one_flat_buffer_each():
    lstm = el.LSTM(3, 5, num_layers=2, bidirectional=True)
    for views, flat in [(lstm.params, lstm.flat_params), (lstm.grads, lstm.flat_grads)]:
        assert flat.ndim == 1 and flat.size == sum(view.size for view in views.values()) == lstm.num_params
        flat[...] = np.arange(flat.size)
        assert np.array_equal(np.concatenate([view.ravel() for view in views.values()]), np.arange(flat.size))
    assert {name: view.shape for name, view in el.LSTM(3, 5).params.items()} == {
        "weight_ih_l0": (20, 3),
        "weight_hh_l0": (20, 5),
        "bias_l0": (20,),
    }
    assert list(el.LSTM(3, 5, bias=False, bidirectional=True).params) == [
        "weight_ih_l0",
        "weight_hh_l0",
        "weight_ih_l0_reverse",
        "weight_hh_l0_reverse",
    ]


def test_backward_adds_to_the_gradients():
    run = Run(CASE)
    tape = run.forward()[3]
    once = run.backward(tape)  # zeroes first
    run.lstm.flat_grads[:] = 3.0
    run.lstm.backward(tape, run.dy, run.dstate)
    for name, grad in run.lstm.grads.items():
        np.testing.assert_allclose(grad, once[name] + 3.0, rtol=1e-5, atol=1e-5)
    run.lstm.zero_grad()
    assert not run.lstm.flat_grads.any()


def test_backward_twice_on_one_tape_gives_the_same():
    run = Run(CASE)
    tape = run.forward()[3]
    first = run.backward(tape)
    assert_all_same_bits(run.backward(tape), first)


def test_tapes_do_not_disturb_each_other():
    run, other = Run(CASE), Run(Case(6, 9, 3, 5, num_layers=2, bidirectional=True, seed=9))
    expected = run.everything()
    tape = run.forward()[3]
    run.lstm.forward(other.x)
    run.lstm(other.x)
    got = run.backward(tape)
    assert_all_same_bits(got, {name: expected[name] for name in got})


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("what", ["x", "state", "lengths", "outputs"])
def test_a_tape_survives_changes_of_its_inputs_and_outputs(what, time_major, ragged):
    run = Run(Case(3, 4, 3, 5, 2, True, time_major=time_major, state=True, ragged=ragged))
    expected = run.backward(run.forward()[3])
    x = np.ascontiguousarray(run.layout(run.x)).copy()
    state = tuple(s.copy() for s in run.state)
    lengths = None if run.lengths is None else run.lengths.copy()
    y, (h, c), tape = run.lstm.forward(x, state=state, lengths=lengths)
    changed = {"x": [x], "state": state, "lengths": [] if lengths is None else [lengths], "outputs": [y, h, c]}
    for array in changed[what]:
        array[...] = 0
    assert_all_same_bits(run.backward(tape), expected)


def test_backward_leaves_the_upstream_gradients_alone():
    run = Run(CASE)
    dy, dh, dc = run.dy.copy(), run.dstate[0].copy(), run.dstate[1].copy()
    run.backward(run.forward()[3])
    for after, before in zip((run.dy, *run.dstate), (dy, dh, dc)):
        assert_same_bits(after, before)


def test_backward_uses_the_weights_of_its_forward():
    run = Run(CASE)
    expected = run.backward(run.forward()[3])
    tape = run.forward()[3]
    run.lstm.flat_params[...] = 7.0
    run.lstm(run.x)
    assert_all_same_bits(run.backward(tape), expected)


def test_results_belong_to_the_caller():
    run = Run(CASE)
    y, (h, c) = run.lstm(run.x)
    kept = [a.copy() for a in (y, h, c)]
    run.lstm(run.x * 2)
    for array, copy in zip((y, h, c), kept):
        assert_same_bits(array, copy)
        assert array.flags.writeable and array.flags.c_contiguous


def test_initial_values():
    lstm = el.LSTM(40, 30, seed=1)
    W, R, b = (lstm.params[name] for name in ("weight_ih_l0", "weight_hh_l0", "bias_l0"))
    assert_same_bits(lstm.flat_params, el.LSTM(40, 30, seed=1).flat_params)
    assert not np.array_equal(lstm.flat_params, el.LSTM(40, 30, seed=2).flat_params)
    assert np.array_equal(b.reshape(4, 30), np.array([[0], [1], [0], [0]]) * np.ones((1, 30)))
    assert np.array_equal(el.LSTM(4, 3, forget_bias=-0.5).params["bias_l0"].reshape(4, 3)[1], np.full(3, -0.5))
    np.testing.assert_allclose(np.float64(R.T) @ R, np.eye(30), atol=1e-5)  # orthonormal columns of (4H, H)
    bound = np.sqrt(6 / (40 + 4 * 30))  # Glorot
    assert 0.95 * bound < np.abs(W).max() <= bound * (1 + 1e-6)


def test_a_pickled_layer_is_the_same_layer():
    run = Run(CASE)
    copy = pickle.loads(pickle.dumps(run.lstm))
    assert_same_bits(copy.flat_params, run.lstm.flat_params)
    assert_same_bits(copy(run.x)[0], run.lstm(run.x)[0])
    copy.params["bias_l0"][:] = 9
    assert not np.array_equal(copy.flat_params, run.lstm.flat_params)


def test_a_plain_layers_arguments_are_as_they_are_written():
    assert el.LSTM(3, 5).config()["dropout"] == 0.0 and "dropout=0.0," in repr(el.LSTM(3, 5))
    for dropout in (0.0, 0.25, [0.25, 0.0, 0.0]):
        lstm = el.LSTM(3, 5, 3, dropout=dropout)
        assert lstm.config()["dropout"] == dropout and el.LSTM.from_config(lstm.config()).dropout == lstm.dropout


def test_config_builds_the_same_layer():
    lstm = el.LSTM(3, 5, num_layers=2, bidirectional=True, bias=False, dtype="float64", time_major=True, seed=4)
    again = el.LSTM.from_config(lstm.config())
    assert again.config() == lstm.config() and again.dtype == np.float64
    again.load_state_dict(lstm.state_dict())
    x = np.random.default_rng(0).standard_normal((4, 2, 3))
    assert_same_bits(again(x)[0], lstm(x)[0])
