"""Weights of el.torch's modules: who changes them, who shares them, what autograd keeps and refuses."""

import copy
import gc
import io
import pickle
import weakref

import pytest

import eigenlstm as el

torch = pytest.importorskip("torch", reason="PyTorch is what these modules are made for")
from torch import nn  # noqa: E402
from torch.nn.utils import prune  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

X = torch.randn(4, 2, 3)


def fresh_output(module):
    """What a new module with the same weights gives: it cannot have packed anything before."""
    other = el.torch.LSTM(3, 5, num_layers=module.num_layers)
    other.load_state_dict(module.state_dict())
    return other(X)[0]


def through_data(module):
    module.weight_hh_l0.data[0, 0] += 1


def through_numpy(module):
    module.weight_ih_l0.detach().numpy()[1] *= 2


def through_a_view_kept_from_before(module):
    module.kept = getattr(module, "kept", module.bias_hh_l0.detach().numpy())
    module.kept += 0.25


def through_no_grad(module):
    with torch.no_grad():
        module.bias_ih_l0.mul_(0.5).add_(1)


def by_another_storage(module):
    module.weight_hh_l0.data = torch.randn(20, 5)


def by_a_transposed_storage(module):
    module.weight_hh_l0.data[:5] = module.weight_hh_l0.data[:5].T.clone() + 0.1
    module.weight_ih_l0.data = module.weight_ih_l0.data.T.contiguous().T.neg()


def by_another_parameter(module):
    module.weight_ih_l0 = nn.Parameter(torch.randn(20, 3))


def by_loading(module):
    module.load_state_dict({name: value * 0.9 + 0.01 for name, value in module.state_dict().items()})


def by_a_step_of_an_optimizer(module):
    module(X)[0].sum().backward()
    torch.optim.SGD(module.parameters(), 0.1).step()


def in_shared_memory(module):
    module.share_memory()
    assert module.weight_hh_l0.is_shared()
    twin = pickle_through_shared_memory(module)
    with torch.no_grad():
        twin.weight_hh_l0.add_(0.5)


def pickle_through_shared_memory(module):
    """The module as another process would have it: its weights are in the same memory."""
    from multiprocessing.reduction import ForkingPickler

    return pickle.loads(ForkingPickler.dumps(module))


CHANGES = [
    through_data,
    through_numpy,
    through_a_view_kept_from_before,
    through_no_grad,
    by_another_storage,
    by_a_transposed_storage,
    by_another_parameter,
    by_loading,
    by_a_step_of_an_optimizer,
    in_shared_memory,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_is_seen_by_the_next_call(change):
    module = el.torch.LSTM(3, 5)
    before = module(X)[0]
    for _ in range(2):
        change(module)
        after = module(X)[0]
        assert not torch.equal(before, after)
        assert torch.equal(after, fresh_output(module))
        before = after


def test_weights_of_another_shape_are_refused_by_name():
    module = el.torch.LSTM(3, 5)
    module.weight_hh_l0.data = torch.randn(20, 4)
    with pytest.raises(RuntimeError, match=r"weight_hh_l0 must have shape \(20, 5\) .* got \(20, 4\)"):
        module(X)


def test_copies_do_not_share_and_give_the_same():
    module = el.torch.LSTM(3, 5, num_layers=2)
    expected = module(X)[0]
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    for twin in (
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(buffer, weights_only=False),
    ):
        assert torch.equal(twin(X)[0], expected)
        twin.weight_hh_l1.data.add_(1)
        assert not torch.equal(twin(X)[0], expected) and torch.equal(module(X)[0], expected)
    cell = copy.deepcopy(el.torch.LSTMCell(3, 5))
    assert cell(X[0])[0].shape == (2, 5)


def test_a_module_changes_its_dtype():
    module = el.torch.LSTM(3, 5)
    y = module(X)[0]
    torch.testing.assert_close(module.double()(X.double())[0].float(), y)
    torch.testing.assert_close(module.float()(X)[0], y)


def test_parametrized_and_pruned_weights():
    module = el.torch.LSTM(3, 5)
    nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
    module(X)[0].sum().backward()
    assert module.parametrizations.weight_hh_l0.original0.grad is not None
    pruned = el.torch.LSTM(3, 5)
    prune.l1_unstructured(pruned, "weight_hh_l0", amount=0.5)
    assert torch.equal(pruned(X)[0], fresh_output_of(pruned.weight_hh_l0, pruned))
    pruned(X)[0].sum().backward()
    assert pruned.weight_hh_l0_orig.grad is not None


def fresh_output_of(weight_hh, module):
    other = el.torch.LSTM(3, 5)
    names = [name for name, _ in other.named_parameters()]
    with torch.no_grad():
        for name in names:
            getattr(other, name).copy_(weight_hh if name == "weight_hh_l0" else getattr(module, name))
    return other(X)[0]


def test_the_two_biases_have_gradients_of_their_own():
    module = el.torch.LSTM(3, 5)
    module(X)[0].sum().backward()
    assert torch.equal(module.bias_ih_l0.grad, module.bias_hh_l0.grad)
    module.bias_ih_l0.grad.zero_()
    assert module.bias_hh_l0.grad.any()
    a, b = torch.autograd.grad(module(X)[0].sum(), [module.bias_ih_l0, module.bias_hh_l0])
    a.zero_()
    assert b.any()


def test_a_frozen_bias_has_none():
    module = el.torch.LSTM(3, 5)
    module.bias_hh_l0.requires_grad_(False)
    module.weight_ih_l0.requires_grad_(False)
    module(X)[0].sum().backward()
    assert module.bias_hh_l0.grad is None and module.weight_ih_l0.grad is None
    assert module.bias_ih_l0.grad is not None


# -- zero copies ----------------------------------------------------------------------------------


def test_outputs_are_tensors_over_the_memory_that_was_written(monkeypatch):
    from eigenlstm.interop import torch_engine

    seen = []
    plain = torch_engine.Engine.forward
    monkeypatch.setattr(
        torch_engine.Engine, "forward", lambda self, *args: seen.append((args, plain(self, *args))) or seen[-1][1]
    )
    module = el.torch.LSTM(3, 5)
    x, hx = X.clone(), (torch.randn(1, 2, 5), torch.randn(1, 2, 5))
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            y, (h, c) = module(x, hx)
        (weights, *arrays), outputs = seen[-1][0], seen[-1][1]
        assert [a.ctypes.data for a in arrays[:3]] == [t.data_ptr() for t in (x, *hx)]
        assert [a.ctypes.data for a in outputs[:3]] == [t.data_ptr() for t in (y, h, c)]
        assert [a.ctypes.data for a in weights] == [weight.data_ptr() for weight in module.parameters()]


# -- tapes ----------------------------------------------------------------------------------------


@pytest.fixture
def tapes(monkeypatch):
    """Weak references to the handles of all tapes that are taken."""
    from eigenlstm.interop import torch_autograd, torch_engine

    taken = []
    plain = torch_autograd.tape_handle

    def handle(tape):
        made = plain(tape)
        taken.append(weakref.ref(torch_engine._holders[made.data_ptr()]))
        return made

    monkeypatch.setattr(torch_autograd, "tape_handle", handle)
    return taken


def alive(tapes):
    gc.collect()
    return sum(tape() is not None for tape in tapes)


def test_no_tape_without_gradients(tapes):
    module = el.torch.LSTM(3, 5)
    with torch.no_grad():
        assert not module(X)[0].requires_grad
    with torch.inference_mode():
        module(X)
    module.requires_grad_(False)
    assert not module(X)[0].requires_grad
    assert tapes == []


def test_a_tape_goes_with_the_backward_pass(tapes):
    module = el.torch.LSTM(3, 5)
    y = module(X)[0]
    assert alive(tapes) == 1
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert alive(tapes) == 0
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    y = module(X)[0]
    del y
    assert alive(tapes) == 0


def test_activation_checkpointing_keeps_no_tape(tapes):
    module = el.torch.LSTM(3, 5)
    x = X.clone().requires_grad_()
    module(x)[0].sin().sum().backward()
    expected, x.grad = [x.grad, *(weight.grad for weight in module.parameters())], None
    module.zero_grad()
    y = checkpoint(module, x, use_reentrant=False)[0]
    assert alive(tapes) == 0
    y.sin().sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(expected, [x.grad, *(w.grad for w in module.parameters())]))


def test_an_input_that_was_changed_in_place_is_refused():
    module = el.torch.LSTM(3, 5)
    x = X.clone()
    y = module(x)[0]
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("wanted", ["x", "h0", "weight"])
def test_a_second_derivative_is_refused_by_name(wanted):
    module = el.torch.LSTM(3, 5)
    leaves = {"x": X.clone().requires_grad_(), "h0": torch.zeros(1, 2, 5, requires_grad=True)}
    leaves["weight"] = module.weight_hh_l0
    y = module(leaves["x"], (leaves["h0"], torch.zeros(1, 2, 5)))[0]
    (grad,) = torch.autograd.grad(y.sum(), leaves[wanted], create_graph=True)
    with pytest.raises(RuntimeError, match="eigenlstm: the LSTM has no second derivative"):
        grad.square().sum().backward()
    cell = el.torch.LSTMCell(3, 5)
    (grad,) = torch.autograd.grad(cell(X[0])[0].sum(), cell.weight_ih, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        grad.sum().backward()


def test_a_first_derivative_with_create_graph_is_right():
    module = el.torch.LSTM(3, 5)
    x = X.clone().requires_grad_()
    plain, linked = (
        torch.autograd.grad(module(x)[0].sin().sum(), [x, *module.parameters()], create_graph=create)
        for create in (False, True)
    )
    assert not any(grad.requires_grad for grad in plain) and all(grad.requires_grad for grad in linked)
    assert all(torch.equal(a, b) for a, b in zip(plain, linked))
