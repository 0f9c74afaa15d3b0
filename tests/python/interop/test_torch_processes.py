"""el.torch's modules in several processes: data parallel training over gloo, and weights in shared memory."""

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is what these modules are made for")

import data_parallel  # noqa: E402


@pytest.mark.skipif(not torch.distributed.is_available(), reason="needs torch.distributed")
def test_data_parallel_training_is_that_of_one_process(tmp_path):
    files = [tmp_path / f"{rank}.npz" for rank in range(2)]
    ranks = [
        subprocess.Popen([sys.executable, data_parallel.__file__, str(rank), str(tmp_path / "meeting"), str(file)])
        for rank, file in enumerate(files)
    ]
    try:
        assert [process.wait(timeout=240) for process in ranks] == [0, 0]
    finally:
        for process in ranks:
            process.kill()
    alone = data_parallel.make_model()
    data_parallel.train(alone, slice(None))
    found = [np.load(file) for file in files]
    for index, expected in enumerate(alone.parameters()):
        a, b = (arrays[f"arr_{index}"] for arrays in found)
        assert (a == b).all()
        np.testing.assert_allclose(a, expected.detach(), rtol=1e-9, atol=1e-12)


def change_a_weight(module):
    module.weight_hh_l0.detach().numpy()[...] += 1  # NumPy has no threads that a forked child could wait for


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork")
def test_a_weight_changed_by_another_process_is_seen():
    module = data_parallel.make_model()
    module.share_memory()
    x = torch.ones(2, 1, 3, dtype=torch.float64)
    before = module(x)[0]
    process = torch.multiprocessing.get_context("fork").Process(target=change_a_weight, args=(module,), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    after = module(x)[0]
    assert not torch.equal(before, after)
    other = data_parallel.make_model()
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x)[0], after)
