"""A run in several processes leaves the bits of the run in one: parameters, history, the optimizer's state."""

import json

import numpy as np
import pytest
import ranks_case
from ranks import HANG, SUPPORT, by_gloo, by_mpi

import eigenlstm as el

DOUBLE = ["plain:float64", "ragged:float64", "dropout:float64", "tbptt:float64", "ctc:float64"]
CASES = [*ranks_case.CASES, *DOUBLE]
FEW = ["plain", "ragged_tbptt", "dropout", "nse", "told", "shards_left_out"]


@pytest.fixture(scope="module")
def alone():
    """case -> hash of the run of one process without comm."""
    known = {}

    def of(case):
        if case not in known:
            known[case] = ranks_case.digest(*ranks_case.trained(case, None))
        return known[case]

    return of


def check(folder, transport, ranks, cases, alone):
    for case in cases:
        for rank in range(ranks):
            said = json.loads((folder / f"{case}.{transport}.{rank}").read_text())
            assert said["hash"] == alone(case), f"{case} on rank {rank} of {ranks}"


@pytest.mark.parametrize("ranks, cases", [(1, FEW), (2, CASES), (3, CASES), (4, CASES), (6, FEW), (8, FEW)])
def test_the_bits_are_those_of_one_process(ranks, cases, alone, tmp_path):
    done = by_mpi(ranks, SUPPORT / "ranks_case.py", tmp_path, "mpi", *cases)
    assert done.returncode == 0, done.stderr
    check(tmp_path, "mpi", ranks, cases, alone)


def test_gloo_gives_the_same_bits(alone, tmp_path):
    pytest.importorskip("torch")
    for process in by_gloo(2, SUPPORT / "ranks_case.py", tmp_path, "torch", *FEW):
        _, errors = process.communicate(timeout=HANG)
        assert process.returncode == 0, errors
    check(tmp_path, "torch", 2, FEW, alone)


def test_the_shards_of_a_mean_add_up_to_the_gradient_of_the_batch():
    """Against the gradient of the whole batch: one step of SGD with a rate of 1 moves by it."""
    moved = {}
    for case in ("weighted", "nse"):
        for shards in (1, 3, 8):
            x, y = ranks_case.data("float64")
            model = ranks_case.per_row("float64")
            before = model.flat_params.copy()
            loss = "mse" if case == "weighted" else el.losses.NSE(std=2.0)
            weight = np.linspace(0, 2, len(x))
            model.fit(
                x,
                y[:, -1],
                loss=loss,
                optimizer=el.SGD(1.0),
                batch_size=32,
                sample_weight=weight,
                shards=shards,
                seed=0,
                verbose=0,
            )
            moved[case, shards] = before - model.flat_params
        for shards in (3, 8):
            np.testing.assert_allclose(moved[case, shards], moved[case, 1], rtol=1e-12, atol=1e-15)


def test_nse_without_std_is_that_of_the_whole_batch():
    losses, moved = {}, {}
    for shards in (1, 5):
        x, y = ranks_case.data("float64")
        model = ranks_case.per_row("float64")
        before = model.flat_params.copy()
        options = {"batch_size": 22, "epochs": 1, "shards": shards, "seed": 0, "verbose": 0}
        losses[shards] = model.fit(x, y[:, -1], loss="nse", optimizer=el.SGD(1.0), **options)[0]["loss"]
        moved[shards] = before - model.flat_params
    assert losses[5] == pytest.approx(losses[1], rel=1e-13)
    np.testing.assert_allclose(moved[5], moved[1], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("loss", [el.losses.ESR(), el.losses.DC()])
def test_the_losses_of_signals_add_up_to_the_gradient_of_the_batch(loss):
    moved = {}
    for shards in (1, 5):
        x, y = ranks_case.data("float64")
        model = ranks_case.per_step("float64")
        before = model.flat_params.copy()
        model.fit(x, y, loss=loss, optimizer=el.SGD(1.0), batch_size=22, shards=shards, seed=0, verbose=0)
        moved[shards] = before - model.flat_params
    np.testing.assert_allclose(moved[5], moved[1], rtol=1e-11, atol=1e-14)


def test_a_loss_whose_gradients_do_not_add_up_is_refused():
    x, y = ranks_case.data("float32")
    loss = el.losses.Combined([(0.7, el.losses.ESR()), (0.3, el.losses.DC())])
    with pytest.raises(TypeError, match="shards need a loss whose gradients add up over shards.* CombinedSum"):
        ranks_case.per_step("float32").fit(x, y, loss=loss, optimizer="sgd", shards=2, verbose=0)


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 8, 12, 64])
def test_every_rank_has_its_shards_and_all_of_the_tree_is_covered_once(shards):
    from eigenlstm.distributed.shards import added, cover, owned

    for size in range(1, 12):
        covers = [cover(mine.start, mine.stop, shards) for mine in (owned(shards, r, size) for r in range(size))]
        branches = [branch for each in covers for branch in each]
        assert sorted(shard for start, stop in branches for shard in range(start, stop)) == list(range(shards))

        def leaf(start, stop):
            return Tree(str(start)) if stop - start == 1 else None

        whole = added(0, shards, leaf)
        parts = {branch: added(*branch, leaf) for branch in branches}
        assert added(0, shards, lambda start, stop: parts.get((start, stop))).text == whole.text


def test_the_rule_for_shards_depends_on_the_rows_alone_and_gives_eight_ranks_work():
    from eigenlstm.distributed.shards import cuts_of

    found = {rows: len(cuts_of(rows, "auto")) - 1 for rows in (1, 7, 8, 32, 143, 144, 512, 1024, 5000)}
    assert found == {1: 1, 7: 7, 8: 8, 32: 8, 143: 8, 144: 9, 512: 32, 1024: 64, 5000: 64}
    for rows in range(8, 300, 7):
        slices = [el.distributed.rows_of_rank(rows, rank, 8) for rank in range(8)]
        assert all(each.start < each.stop for each in slices)


class Tree:
    """An addition that shows in which order it was done."""

    def __init__(self, text):
        self.text = text

    def __add__(self, other):
        return Tree(f"({self.text}+{other.text})")


def test_the_rows_of_the_ranks_are_those_of_the_batch():
    for rows in (1, 5, 22, 100):
        for size in (1, 2, 3, 8):
            slices = [el.distributed.rows_of_rank(rows, rank, size, 8) for rank in range(size)]
            assert [i for each in slices for i in range(rows)[each]] == list(range(rows))


def test_what_is_no_communicator_is_refused():
    x, y = ranks_case.data("float32")
    options = {"loss": "mse", "optimizer": "adam", "verbose": 0}
    with pytest.raises(TypeError, match="fit: comm must be .* int has no rank, size"):
        ranks_case.per_step("float32").fit(x, y, comm=3, **options)
    with pytest.raises(ValueError, match="fit: shards must be"):
        ranks_case.per_step("float32").fit(x, y, shards=0, **options)
    with pytest.raises(ValueError, match='fit: shards must be a number or "auto", got .rows.'):
        ranks_case.per_step("float32").fit(x, y, shards="rows", **options)
    with pytest.raises(ValueError, match="rows_of_rank: rank must lie in 0..1, got 2"):
        el.distributed.rows_of_rank(8, 2, 2, 8)
