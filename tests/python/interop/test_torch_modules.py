"""el.torch.LSTM and LSTMCell in the place of torch's: PyTorch's own grids of options, values and gradients."""

import itertools

import pytest

import eigenlstm as el

torch = pytest.importorskip("torch", reason="PyTorch is what these modules are made for")
from torch import nn  # noqa: E402
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
CLOSE = {torch.float32: dict(rtol=1e-4, atol=2e-5), torch.float64: dict(rtol=1e-9, atol=1e-10)}


def pair(*sizes, kind="LSTM", **options):
    """A module of torch's and one of ours with the same initial weights, which a seed gives both."""
    modules = []
    for cls in (getattr(nn, kind), getattr(el.torch, kind)):
        torch.manual_seed(0)
        modules.append(cls(*sizes, **options))
    return modules


def tensors(value):
    """All tensors of nested tuples and packed sequences, in order."""
    if isinstance(value, torch.Tensor):
        return [value] if value.dtype.is_floating_point else []
    return [tensor for part in value if part is not None for tensor in tensors(part)]


def assert_same_results_and_gradients(theirs, ours, make_inputs):
    """`make_inputs` gives the arguments of a call, new leaves every time."""
    found = []
    for module in (theirs, ours):
        module.zero_grad()
        torch.manual_seed(1)
        inputs = make_inputs()
        outputs = tensors(module(*inputs))
        torch.manual_seed(2)
        sum((torch.randn(output.shape) * output).sum() for output in outputs).backward()
        leaves = [leaf.grad for leaf in tensors(inputs) if leaf.requires_grad and leaf.is_leaf]
        found.append((outputs, leaves, [weight.grad for weight in module.parameters()]))
    for kind, expected, got in zip(("outputs", "inputs' gradients", "weights' gradients"), *found):
        assert len(expected) == len(got)
        for a, b in zip(expected, got):
            torch.testing.assert_close(b, a, **CLOSE[a.dtype], msg=lambda text, kind=kind: f"{kind}: {text}")


GRID = list(itertools.product([True, False], [False, True], [False, True], [0, 3]))


@pytest.mark.parametrize("lengths", [None, [7, 5, 5, 2], [2, 7, 1, 5]], ids=["padded", "sorted", "unsorted"])
@pytest.mark.parametrize("bias, bidirectional, batch_first, proj_size", GRID)
def test_the_grid_of_torchs_own_tests(bias, bidirectional, batch_first, proj_size, lengths):
    """test_nn.py and test_rnn: bias, directions, batch_first, projection, packed or not, with and without hx."""
    options = dict(num_layers=2, bias=bias, bidirectional=bidirectional, batch_first=batch_first, proj_size=proj_size)
    theirs, ours = pair(3, 5, dtype=torch.float64, **options)
    T, B, D = 7, 4, 1 + bidirectional

    def inputs(given):
        shape = (B, T, 3) if batch_first else (T, B, 3)
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        sizes = (proj_size or 5, 5)
        hx = tuple(torch.randn(2 * D, B, size, dtype=torch.float64, requires_grad=True) for size in sizes)
        if lengths is not None:
            x = pack_padded_sequence(x, lengths, batch_first, enforce_sorted=lengths == sorted(lengths, reverse=True))
        return (x, hx) if given else (x,)

    for given in (False, True):
        assert_same_results_and_gradients(theirs, ours, lambda given=given: inputs(given))


@pytest.mark.parametrize("bias, batch_first, bidirectional, proj_size", GRID)
def test_the_samples_without_a_batch(bias, batch_first, bidirectional, proj_size):
    """ModuleInfo's samples."""
    proj_size = min(proj_size, 2)
    options = dict(num_layers=2, bias=bias, bidirectional=bidirectional, batch_first=batch_first, proj_size=proj_size)
    theirs, ours = pair(2, 3, **options)
    states = [(2 + 2 * bidirectional, size) for size in (proj_size or 3, 3)]
    assert_same_results_and_gradients(theirs, ours, lambda: (torch.randn(2, 2, requires_grad=True),))
    assert_same_results_and_gradients(
        theirs,
        ours,
        lambda: (
            torch.randn(3, 2, requires_grad=True),
            tuple(torch.randn(shape, requires_grad=True) for shape in states),
        ),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(4, 5), (5,), (0, 5)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_cells(bias, shape, dtype):
    theirs, ours = pair(5, 10, bias, kind="LSTMCell", dtype=dtype)

    def inputs(given):
        make = lambda size: torch.randn(*shape[:-1], size, dtype=dtype, requires_grad=True)  # noqa: E731
        return (make(5), (make(10), make(10))) if given else (make(5),)

    for given in (True, False):
        assert_same_results_and_gradients(theirs, ours, lambda given=given: inputs(given))


def test_a_loop_over_a_cell_is_the_layer():
    layer, cell = el.torch.LSTM(3, 5), el.torch.LSTMCell(3, 5)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = torch.randn(6, 2, 3)
    y, (h, c) = layer(x)
    state = None
    for x_t, y_t in zip(x, y):
        state = cell(x_t, state)
        assert torch.equal(state[0], y_t)
    assert torch.equal(state[0], h[0]) and torch.equal(state[1], c[0])


def test_non_contiguous_inputs_and_gradients():
    theirs, ours = pair(3, 5)
    x = torch.randn(4, 3, 6).transpose(1, 2)[:, ::2]
    hx = tuple(torch.randn(5, 3, 1).permute(2, 1, 0) for _ in range(2))
    assert not x.is_contiguous() and not hx[0].is_contiguous()
    torch.testing.assert_close(ours(x, hx), theirs(x, hx))
    for module in (theirs, ours):
        module.zero_grad()
        module(x, hx)[0].sum().backward()  # the gradient of a sum has strides of zero
    for a, b in zip(theirs.parameters(), ours.parameters()):
        torch.testing.assert_close(b.grad, a.grad)


def test_gradcheck():
    for options in (dict(bidirectional=True, num_layers=2), dict(proj_size=2, bias=False)):
        module = el.torch.LSTM(2, 3, dtype=torch.float64, **options)
        x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
        hx = [torch.randn_like(value).requires_grad_() for value in module(x)[1]]
        names = [name for name, _ in module.named_parameters()]

        def run(x, h, c, *weights, module=module, names=names):
            y, (h, c) = torch.func.functional_call(module, dict(zip(names, weights)), (x, (h, c)))
            return y, h, c

        assert torch.autograd.gradcheck(run, (x, *hx, *module.parameters()))
    cell = el.torch.LSTMCell(2, 3, dtype=torch.float64)
    state = [torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda x, h, c: cell(x, (h, c)), (x[0].detach().requires_grad_(), *state))


VARIANTS = [
    dict(peephole=True),
    dict(coupled_input_forget=True),
    dict(layer_norm=True, num_layers=2),
    dict(activations=("hard_sigmoid", "softsign", "linear")),
    dict(gate_clip=0.5, cell_clip=0.3),
    dict(merge="sum", bidirectional=True, num_layers=2),
    dict(learned_state=True),
    dict(residual=True, num_layers=3),
    dict(missing="mask"),
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_variants_are_those_of_our_lstm(options):
    torch.manual_seed(0)
    module = el.torch.LSTM(4, 6, batch_first=True, dtype=torch.float64, **options)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    given = {name: value for name, value in options.items() if name not in ("peephole", "layer_norm", "learned_state")}
    given = {name: value for name, value in given.items() if name not in ("bidirectional", "num_layers")}
    lstm = el.LSTM.from_state_dict(module.state_dict(), **given)
    x = torch.randn(3, 5, 4, dtype=torch.float64)
    x[0, 1, 2] = float("nan") if "missing" in options else 1
    y, (h, c), tape = lstm.forward(x)
    y_module, (h_module, c_module) = module(x)
    assert all(torch.equal(torch.from_numpy(a), b) for a, b in ((y, y_module), (h, h_module), (c, c_module)))
    y_module.sum().backward()
    lstm.backward(tape, torch.ones_like(y_module).numpy())
    for name, weight in module.named_parameters():
        grad = lstm.grads[name.replace("_ih", "").replace("_hh", "") if name.startswith("bias") else name]
        assert torch.equal(weight.grad, torch.from_numpy(grad)), name


def test_variants_start_as_if_they_were_not_there():
    plain, more = pair(3, 5, num_layers=2)
    torch.manual_seed(0)
    more = el.torch.LSTM(3, 5, num_layers=2, layer_norm=True, peephole=True, learned_state=True)
    assert torch.equal(more.norm_weight_l1, torch.ones(20)) and not more.peephole_l0.any() and not more.h0_l1.any()
    assert repr(more) == "LSTM(3, 5, num_layers=2, layer_norm=True, peephole=True, learned_state=True)"
    assert repr(plain) == "LSTM(3, 5, num_layers=2)"


def test_cells_have_variants_of_cells():
    layer = el.torch.LSTM(3, 5, peephole=True, cell_clip=0.5)
    cell = el.torch.LSTMCell(3, 5, peephole=True, cell_clip=0.5)
    assert "peephole" in cell.state_dict()
    with torch.no_grad():
        layer.peephole_l0.normal_()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = torch.randn(1, 2, 3)
    assert torch.equal(cell(x[0])[0], layer(x)[0][0])
    with pytest.raises(TypeError, match="LSTMCell: unexpected keyword 'merge'; variants are peephole,"):
        el.torch.LSTMCell(3, 5, merge="sum")


# -- random masks ---------------------------------------------------------------------------------


RANDOM = [
    dict(num_layers=2, dropout=0.5),
    dict(input_dropout=0.5),
    dict(recurrent_dropout=0.5),
    dict(zoneout=(0.2, 0.3)),
    dict(weight_drop=0.5),
]


@pytest.mark.parametrize("options", RANDOM, ids=str)
def test_masks_are_drawn_from_torchs_generator_in_training_only(options):
    module = el.torch.LSTM(4, 16, **options)
    x = torch.randn(5, 3, 4)

    def run(seed):
        torch.manual_seed(seed)
        return module(x)[0]

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))
    torch.manual_seed(1)
    assert not torch.equal(module(x)[0], module(x)[0])
    with torch.no_grad():  # as torch's dropout, also without gradients
        assert not torch.equal(module(x)[0], module(x)[0])
    module.eval()
    state = torch.get_rng_state()
    assert torch.equal(module(x)[0], module(x)[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_between_layers_has_the_mean_and_spread_of_torchs():
    theirs, ours = pair(4, 64, num_layers=2, dropout=0.25)
    x = torch.randn(1, 500, 4)
    with torch.no_grad():
        outputs = [torch.stack([module(x)[0] for _ in range(20)]) for module in (theirs, ours)]
    means, spreads = zip(*((output.mean(), output.std(0).mean()) for output in outputs))
    torch.testing.assert_close(means[1], means[0], rtol=0.1, atol=0)
    torch.testing.assert_close(spreads[1], spreads[0], rtol=0.02, atol=0)


def test_gradients_of_a_call_with_dropout_are_of_its_own_masks():
    module = el.torch.LSTM(3, 6, num_layers=2, dropout=0.5, dtype=torch.float64)

    def run(x):
        torch.manual_seed(5)
        return module(x)[0]

    assert torch.autograd.gradcheck(run, (torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True),))


def test_dropout_of_a_single_layer_warns_and_does_nothing():
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        module = el.torch.LSTM(3, 5, dropout=0.5)
    x = torch.randn(2, 2, 3)
    assert torch.equal(module(x)[0], module(x)[0])


# -- packed sequences -----------------------------------------------------------------------------


def test_packed_sequences_come_back_as_they_came():
    module = el.torch.LSTM(3, 5)
    packed = pack_sequence([torch.randn(n, 3) for n in (2, 4, 3)], enforce_sorted=False)
    output, _ = module(packed)
    assert isinstance(output, PackedSequence)
    for a, b in zip(output[1:], packed[1:]):
        assert torch.equal(a, b)


def test_rows_of_a_packed_sequence_are_those_run_alone():
    module = el.torch.LSTM(3, 5, bidirectional=True)
    rows = [torch.randn(n, 3) for n in (2, 4, 3)]
    output, (h, c) = module(pack_sequence(rows, enforce_sorted=False))
    for row, (x, y) in enumerate(zip(rows, nn.utils.rnn.unpack_sequence(output))):
        y_alone, (h_alone, c_alone) = module(x)
        assert torch.equal(y, y_alone) and torch.equal(h[:, row], h_alone) and torch.equal(c[:, row], c_alone)
