"""el.torch's modules under compilers, exporters and tracers: one operator, which passes torch.library.opcheck."""

import gc
import shutil

import pytest

import eigenlstm as el

torch = pytest.importorskip("torch", reason="PyTorch is what these modules are made for")
from torch import nn  # noqa: E402

from eigenlstm.interop import torch_ops  # noqa: E402

OPTIONS = [
    dict(),
    dict(num_layers=2, bidirectional=True, batch_first=True),
    dict(proj_size=2, bias=False),
    dict(peephole=True, layer_norm=True),
]


class Model(nn.Module):
    """Something before and after the LSTM that a compiler may fuse, reorder or compute again."""

    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(0)
        self.before, self.lstm = nn.Linear(3, 4), el.torch.LSTM(4, 6, **options)
        self.after = nn.Linear(self.lstm.proj_size or 6 * (1 + self.lstm.bidirectional), 2)

    def forward(self, x, hx=None):
        y, (h, c) = self.lstm(torch.relu(self.before(x)) * 2, hx)
        return self.after(y).tanh() + c.mean(), h


def gradients(call, model, x):
    model.zero_grad()
    y, h = call(x)
    (y.square().sum() + h.sum()).backward()
    return [y, h, x.grad, *(weight.grad for weight in model.parameters())]


def assert_same(found, expected):
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield


@pytest.mark.parametrize("options", OPTIONS[:2], ids=str)
def test_compiled_as_one_graph(options):
    model = Model(**options)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for lead in [(5, 2), (3, 4)]:
        x = torch.randn(*lead, 3)
        found = gradients(compiled, model, x.clone().requires_grad_())
        assert_same(found, gradients(model, model, x.requires_grad_()))
    with torch.no_grad():
        for a, b in zip(compiled(x), model(x)):
            torch.testing.assert_close(a, b)


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a compiler")
def test_compiled_by_inductor():
    """What is before the LSTM is computed again for the gradient, and its memory used for something else."""
    module = el.torch.LSTM(3, 3)

    def model(x):
        read = x.exp() * x
        y, _ = module(read)
        return y * x, read.sin()  # for which a compiler may use the memory of `read`

    x = torch.randn(5, 2, 3)
    compiled = torch.compile(model, backend="inductor", fullgraph=True)
    found = gradients(compiled, module, x.clone().requires_grad_())
    assert_same(found, gradients(model, module, x.requires_grad_()))


def test_compiled_with_a_state_and_unbatched():
    model = Model()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    hx = tuple(torch.randn(1, 2, 6) for _ in range(2))
    x = torch.randn(5, 2, 3)
    assert_same(compiled(x, hx), model(x, hx))
    hx = tuple(state[:, 0] for state in hx)
    assert_same(compiled(x[:, 0], hx), model(x[:, 0], hx))


def test_compiled_training_follows_the_weights():
    model, twin = Model(), Model()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    x = torch.randn(5, 2, 3)
    for call, parameters in ((compiled, model.parameters()), (twin, twin.parameters())):
        optimizer = torch.optim.SGD(parameters, 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            call(x)[0].square().sum().backward()
            optimizer.step()
    assert_same(model.parameters(), twin.parameters())
    model.lstm.weight_hh_l0.data.add_(1)
    twin.lstm.weight_hh_l0.data.add_(1)
    with torch.no_grad():
        assert_same(compiled(x), twin(x))


def test_compiled_dropout_draws_anew_and_repeats_from_a_seed():
    model = el.torch.LSTM(3, 8, num_layers=2, dropout=0.5)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    x = torch.randn(4, 2, 3)

    def run(call, seed):
        torch.manual_seed(seed)
        return call(x)[0]

    assert torch.equal(run(compiled, 1), run(compiled, 1)) and not torch.equal(run(compiled, 1), run(compiled, 2))
    assert torch.equal(run(compiled, 1), run(model, 1))
    model.eval()
    assert torch.equal(compiled(x)[0], model(x)[0])


def test_compiled_cells():
    cell = el.torch.LSTMCell(3, 5)

    def unroll(x):
        state = None
        for x_t in x.unbind(0):
            state = cell(x_t, state)
        return state

    x = torch.randn(4, 2, 3)
    assert_same(torch.compile(unroll, backend="aot_eager", fullgraph=True)(x), unroll(x))


@pytest.mark.parametrize("options", OPTIONS[1:], ids=str)
def test_exported(options):
    model = Model(**options).eval()
    x = torch.randn(5, 2, 3)
    dynamic = {0: torch.export.Dim("first", min=2, max=50), 1: torch.export.Dim("second", min=2, max=50)}
    program = torch.export.export(model, (x,), dynamic_shapes={"x": dynamic})
    assert "eigenlstm.lstm" in str(program.graph)
    for lead in [(5, 2), (3, 9)]:
        x = torch.randn(*lead, 3)
        assert_same(program.module()(x), model(x))


def test_an_exported_program_is_saved_and_loaded(tmp_path):
    model = Model().eval()
    x = torch.randn(5, 2, 3)
    torch.export.save(torch.export.export(model, (x,)), tmp_path / "model.pt2")
    assert_same(torch.export.load(tmp_path / "model.pt2").module()(x), model(x))


# -- torch.library.opcheck ------------------------------------------------------------------------


def operator_arguments(grad, dtype=torch.float32, time_major=True, **options):
    module = el.torch.LSTM(3, 5, dtype=dtype, **options)
    x = torch.randn(4, 2, 3, dtype=dtype, requires_grad=grad)
    states = [torch.randn(shape, dtype=dtype, requires_grad=grad) for shape in ((module.num_layers, 2, 5),) * 2]
    weights = [weight.detach().requires_grad_(grad) for weight in module._weights()]
    return x, *states, weights, None, None, module._options, 0.0, time_major, grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("grad", [False, True])
def test_the_operator_passes_torchs_checks(grad, dtype):
    torch.library.opcheck(torch.ops.eigenlstm.lstm.default, operator_arguments(grad, dtype))
    x, _, _, *others = operator_arguments(grad, dtype, num_layers=2)
    torch.library.opcheck(torch.ops.eigenlstm.lstm.default, (x, None, None, *others))


def test_the_operators_gradient_by_differences():
    x, h0, c0, weights, *others = operator_arguments(True, torch.float64, num_layers=2)
    assert torch.autograd.gradcheck(
        lambda x, h0, c0, *weights: torch_ops.lstm(x, h0, c0, list(weights), *others)[:3], (x, h0, c0, *weights)
    )


# -- others that look at operators ----------------------------------------------------------------


def test_gradients_of_functions():
    model = Model()
    x = torch.randn(5, 2, 3)
    weights = {name: weight.detach() for name, weight in model.named_parameters()}

    def loss(weights):
        return torch.func.functional_call(model, weights, (x,))[0].square().sum()

    model(x)[0].square().sum().backward()
    found = torch.func.grad(loss)(weights)
    _, pull_back = torch.func.vjp(loss, weights)
    for name, weight in model.named_parameters():
        for grads in (found, pull_back(torch.tensor(1.0))[0]):
            torch.testing.assert_close(grads[name], weight.grad, msg=lambda text, name=name: f"{name}: {text}")

    def first(bias):
        return torch.func.grad(lambda bias: loss({**weights, "lstm.bias_ih_l0": bias}))(bias).sum()

    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.func.grad(first)(weights["lstm.bias_ih_l0"])


def test_fake_and_meta_tensors_have_shapes_only():
    with torch.device("meta"):
        module = el.torch.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2)
        y, (h, c) = module(torch.empty(4, 2, 3))
    assert (y.shape, h.shape, c.shape) == ((4, 2, 4), (4, 2, 2), (4, 2, 5))
    assert y.device.type == "meta"


@pytest.mark.filterwarnings("ignore")  # of deprecation, and that sizes become constants
def test_traced():
    model = Model().eval()
    traced = torch.jit.trace(model, torch.randn(4, 2, 3))
    x = torch.randn(6, 3, 3)
    assert_same(traced(x), model(x))


def test_engines_go_with_the_weights():
    module = el.torch.LSTM(3, 5)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        compiled(torch.randn(4, 2, 3))
    before = len(torch_ops._followers)
    del module, compiled
    torch._dynamo.reset()
    gc.collect()
    other = el.torch.LSTM(3, 5)
    with torch.no_grad():
        torch.compile(other, backend="aot_eager", fullgraph=True)(torch.randn(4, 2, 3))
    assert len(torch_ops._followers) <= before


def test_a_handle_that_was_copied_is_refused():
    x, h0, c0, weights, *others = operator_arguments(True)
    with torch.autograd.graph.saved_tensors_hooks(lambda value: value.clone(), lambda value: value):
        y = torch_ops.lstm(x, h0, c0, weights, *others)[0]
    with pytest.raises(RuntimeError, match="what the forward pass kept for this backward pass is not there"):
        y.sum().backward()
