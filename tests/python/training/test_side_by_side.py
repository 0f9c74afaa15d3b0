"""Many small models side by side, as the page on processes shows it: the bits of one after the other."""

import numpy as np
import pytest

import eigenlstm as el


def train(i):
    """A small model of its own; the bits of its parameters."""
    import eigenlstm as el

    el.set_num_threads(1)
    x = np.random.default_rng(i).standard_normal((16, 8, 3)).astype(np.float32)
    model = el.Sequential([el.LSTM(3, 4, seed=i), el.Last(), el.Linear(4, 1, seed=i)])
    model.fit(x, x[:, -1, :1], loss="mse", optimizer="adam", epochs=2, seed=i, verbose=0)
    return model.flat_params.tobytes()


@pytest.fixture(scope="module")
def one_by_one():
    before = el.get_num_threads()
    found = [train(i) for i in range(100)]
    el.set_num_threads(before)
    return found


def test_joblib(one_by_one):
    joblib = pytest.importorskip("joblib")
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(train)(i) for i in range(100)) == one_by_one


def test_dask(one_by_one):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        assert client.gather(client.map(train, range(100))) == one_by_one
