"""el.torch's modules in several processes: data parallel training over gloo, and weights in shared memory."""

import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is what these modules are made for")

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or not sys.platform.startswith("linux"), reason="needs gloo and fork"
)


def data_parallel(rank, address, results):
    """One of two ranks: three steps on its half of the rows."""
    import eigenlstm as el

    torch.set_num_threads(1)
    el.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    model = torch.nn.parallel.DistributedDataParallel(make_model())
    train(model, slice(3 * rank, 3 * rank + 3))
    results.put((rank, [weight.detach().numpy() for weight in model.parameters()]))
    torch.distributed.destroy_process_group()


def make_model():
    import eigenlstm as el

    torch.manual_seed(0)
    return el.torch.LSTM(3, 5, num_layers=2, dtype=torch.float64)


def train(model, rows):
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for _ in range(3):
        optimizer.zero_grad()
        model(x[:, rows])[0].square().mean().backward()
        optimizer.step()


def changes_a_weight(module):
    with torch.no_grad():
        module.weight_hh_l0.add_(1)


def test_data_parallel_training_is_that_of_one_process(tmp_path):
    context = torch.multiprocessing.get_context("fork")  # which saves importing torch twice
    results = context.Queue()
    address = f"file://{tmp_path}/meeting"
    ranks = [context.Process(target=data_parallel, args=(rank, address, results)) for rank in range(2)]
    for process in ranks:
        process.start()
    found = dict(results.get(timeout=120) for _ in ranks)
    for process in ranks:
        process.join(60)
        assert process.exitcode == 0
    alone = make_model()
    train(alone, slice(None))
    for a, b, expected in zip(found[0], found[1], alone.parameters()):
        assert (a == b).all()
        torch.testing.assert_close(torch.from_numpy(a), expected.detach(), rtol=1e-9, atol=1e-12)


def test_a_weight_changed_by_another_process_is_seen():
    module = make_model()
    module.share_memory()
    x = torch.ones(2, 1, 3, dtype=torch.float64)
    before = module(x)[0]
    process = torch.multiprocessing.get_context("fork").Process(target=changes_a_weight, args=(module,))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    after = module(x)[0]
    assert not torch.equal(before, after)
    other = make_model()
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x)[0], after)
