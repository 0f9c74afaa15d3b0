"""What ends one rank of a run ends all of them, at the same step and with its message."""

import json
import os
import signal
import time

import numpy as np
import pytest
import ranks_case
from ranks import HANG, SUPPORT, by_gloo, by_mpi
from thread_ranks import together

import eigenlstm as el
from eigenlstm.distributed import RankFailed


def train(comm, case="plain", **more):
    return ranks_case.digest(*ranks_case.trained(case, comm, **more))


@pytest.mark.parametrize("ranks", [2, 5, 16])
def test_a_communicator_of_ones_own_is_enough(ranks):
    alone = train(None)
    assert together(ranks, train) == [alone] * ranks


def test_an_error_of_one_rank_ends_all_with_its_message():
    def work(comm):
        def fails(run):
            if run.rank == 1 and run.epoch == 2:
                raise KeyError("no such file")

        train(comm, callbacks=[fails])

    first, second, third = together(3, work)
    assert isinstance(second, KeyError)
    for error in (first, third):
        assert isinstance(error, RankFailed)
        assert str(error) == "rank 1 of 3 failed: KeyError: 'no such file'"
        assert error.history.stopped.startswith("failed: rank 1 of 3")


def test_an_error_within_a_step_is_told_too():
    def work(comm):
        model = ranks_case.per_row("float32")
        x, y = ranks_case.data("float32")
        if comm.rank == 1:
            model.layers[1].forward = lambda *_, **__: 1 / 0
        model.fit(x, y[:, -1], loss="mse", optimizer="sgd", shards=4, comm=comm, verbose=0, seed=0)

    first, second = together(2, work)
    assert isinstance(second, ZeroDivisionError)
    assert str(first) == "rank 1 of 2 failed: ZeroDivisionError: division by zero"


def test_an_error_before_the_run_is_told_too():
    def work(comm):
        x, y = ranks_case.data("float32", rows=20 if comm.rank else 22)
        options = {"loss": "mse", "optimizer": "sgd", "shards": 4, "comm": comm, "verbose": 0, "seed": 0}
        ranks_case.per_row("float32").fit(x, y[:22, -1][:20], **options)

    first, second = together(2, work)
    assert "sample" not in str(first) and isinstance(first, ValueError)
    assert str(second).startswith("rank 0 of 2 failed: ValueError: fit: y must have as many rows as x")


def test_ranks_that_do_not_do_the_same_notice():
    def work(comm):
        def measures(run):
            if run.rank == 1:
                run.measured()

        train(comm, callbacks=[measures])

    for error in together(2, work):
        assert isinstance(error, RankFailed)
        assert "lost step" in str(error)
        assert "rank 1 evaluates" in str(error)


@pytest.mark.parametrize(
    "name, options",
    [
        ("batch_size", lambda rank: {"batch_size": 12 + rank}),
        ("optimizer", lambda rank: {"optimizer": el.Adam(1e-2 * (1 + rank))}),
        ("epochs", lambda rank: {"epochs": 3 + rank}),
        ("seed", lambda rank: {"seed": rank}),
        ("metrics", lambda rank: {"metrics": ["mae", "rmse"][: 1 + rank]}),
        ("loss", lambda rank: {"loss": ["mse", "mae"][rank]}),
        ("validation data", lambda rank: {"validation_data": [(x[:9], y[:9, -1]) for x, y in [DATA, OTHER]][rank]}),
    ],
)
def test_ranks_with_other_options_are_refused_by_name(name, options):
    for error in together(2, lambda comm: train(comm, **options(comm.rank))):
        assert isinstance(error, ValueError)
        assert str(error).startswith("fit: all ranks must run the same: ")
        assert f"{name} is " in str(error)
        assert str(error).endswith(" on rank 1")


DATA, OTHER = ranks_case.data("float32"), ranks_case.data("float32", seed=8)


def test_other_data_are_refused():
    def work(comm):
        x, y = (DATA, OTHER)[comm.rank]
        ranks_case.per_row("float32").fit(
            x, y[:, -1], loss="mse", optimizer="sgd", shards=4, comm=comm, verbose=0, seed=0
        )

    for error in together(2, work):
        assert "data is " in str(error)


def test_other_instruction_sets_are_refused_where_their_bits_differ(monkeypatch):
    from eigenlstm.training import meeting

    probe, names = meeting._probe, iter(["avx2", "avx512"])
    monkeypatch.setattr(meeting._core, "isa", lambda: next(names, "avx2"))
    alike = together(2, train)
    assert alike[0] == alike[1] == train(None)
    answers = iter(["a", "b"])
    monkeypatch.setattr(meeting, "_probe", lambda dtype: next(answers))
    for error in together(2, train):
        assert "instruction set is avx" in str(error)
    assert probe(np.float32) == probe(np.float32)


def test_without_seeds_all_ranks_begin_with_the_parameters_of_rank_0():
    def work(comm):
        model = el.Sequential([el.LSTM(5, 4), el.Last(), el.Linear(4, 1)])  # another one in each rank
        model.fit(
            DATA[0], DATA[1][:, -1], loss="mse", optimizer="adam", epochs=2, shards=4, comm=comm, verbose=0, ema=0.5
        )
        return model.flat_params.tobytes()

    assert len(set(together(3, work))) == 1


def test_a_run_goes_on_with_the_shards_that_it_had(tmp_path):
    """Whoever resumes it and leaves them out: a run of one process from before has one, a run of ranks the rule's."""
    path = tmp_path / "run.safetensors"

    def left_out(**options):
        model, (x, y) = ranks_case.per_row("float32"), DATA
        common = {"loss": "mse", "optimizer": "adam", "seed": 0, "verbose": 0, "callbacks": [el.checkpoint(path)]}
        model.fit(x, y[:, -1], **common, **options)
        return model.flat_params.tobytes()

    one, rule = left_out(epochs=3), left_out(epochs=3, shards="auto")
    assert one != rule
    left_out(epochs=1)
    with pytest.raises(ValueError, match="shards was 1, is 'auto'"):
        left_out(epochs=3, resume=path, shards="auto")
    with pytest.warns(UserWarning, match="has one shard, so 1 of 2 ranks have nothing to do"):
        assert together(2, lambda comm: left_out(epochs=3, comm=comm, resume=path)) == [one] * 2
    together(3, lambda comm: left_out(epochs=1, comm=comm))
    assert left_out(epochs=3, resume=path) == rule


def test_a_loss_that_is_not_finite_ends_all_at_the_same_step():
    x, y = DATA[0].copy(), DATA[1][:, -1].copy()
    y[20] = np.nan

    def work(comm):
        model = ranks_case.per_row("float32")
        try:
            model.fit(
                x, y, loss="mse", optimizer="sgd", shards=4, comm=comm, batch_size=4, verbose=0, seed=0, shuffle=False
            )
        except el.NonFiniteLoss as error:
            return error.epoch, error.step, str(error), model.flat_params.tobytes()

    alone = work(None)
    assert alone[:2] == (1, 6) and "y of this batch holds NaN" in alone[2]
    assert together(2, work) == [alone] * 2


@pytest.mark.parametrize("case", ["plain", "dropout", "ragged_tbptt", "class_weight"])
@pytest.mark.parametrize("ranks, then", [(2, 3), (3, None), (2, 1)])
def test_a_signal_of_one_rank_stops_all_and_any_number_of_ranks_goes_on(case, ranks, then, tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"metrics": ["accuracy"] if case == "class_weight" else ["mae"]}
    whole = train(None, case, callbacks=[el.checkpoint(tmp_path / "whole.safetensors")], **options)

    class Told(el.callbacks.Callback):
        def __init__(self, step):
            self.step = step

        def before_step(self, run):
            if run.rank == ranks - 1 and run.step == self.step:
                run.team.stop = "terminated"  # what the handler of SIGTERM does

    def stopped(comm):
        _, history, run = ranks_case.trained(case, comm, callbacks=[Told(3), el.checkpoint(path)], **options)
        return run.step, history.stopped

    found = together(ranks, stopped)
    assert found == [found[0]] * ranks and found[0][1] == "terminated"

    def resumed(comm):
        return train(comm, case, callbacks=[Told(-1), el.checkpoint(path)], resume=path, **options)

    assert (together(then, resumed) if then else [resumed(None)]) == [whole] * (then or 1)


def test_a_run_goes_on_with_another_number_of_ranks(tmp_path):
    path = tmp_path / "run.safetensors"
    together(3, lambda comm: train(comm, epochs=1, callbacks=[el.checkpoint(path)]))
    found = together(2, lambda comm: train(comm, resume=path, callbacks=[el.checkpoint(path)]))
    assert found == [train(None, callbacks=[el.checkpoint(tmp_path / "other.safetensors")])] * 2


def test_only_rank_0_writes_and_shows(tmp_path, capfd):
    def work(comm):
        folder = tmp_path / str(comm.rank)
        folder.mkdir()
        files = [el.checkpoint(folder / "run.safetensors"), el.callbacks.log(folder / "log.jsonl")]
        train(comm, callbacks=files, verbose=2)
        return sorted(os.listdir(folder))

    assert together(2, work) == [["log.jsonl", "run.safetensors"], []]
    assert capfd.readouterr().out.count("epoch") == 1


@pytest.mark.parametrize("ranks", [2, 3, 4, 8, 16, 64])
def test_bytes_on_the_wire(ranks):
    """Gradients: what a rank sends for a sum and for a gather of slices, as an Allreduce does, where the number of
    ranks is a power of two; else one slice more for each further branch of the tree that a rank has.
    """
    x, y = ranks_case.data("float32", rows=64)

    def work(comm):
        model = ranks_case.per_row("float32")
        sent = []
        model.fit(
            x,
            y[:, -1],
            loss="mse",
            optimizer="sgd",
            batch_size=64,
            shards=64,
            comm=comm,
            verbose=0,
            seed=0,
            callbacks=[lambda run: sent.append(run.team.bytes_sent)],
        )
        return sent[0], model.num_params

    found = together(ranks, work)
    slice_bytes = -(-found[0][1] // ranks) * 4
    allreduce = 2 * (ranks - 1) * slice_bytes
    if ranks & (ranks - 1) == 0:
        assert [sent for sent, _ in found] == [allreduce] * ranks
    else:
        assert allreduce <= max(sent for sent, _ in found) <= 3 * allreduce


# -- with processes ---------------------------------------------------------------------------------


def test_a_killed_rank_ends_the_others_within_seconds():
    started = time.monotonic()
    done = by_mpi(3, SUPPORT / "ranks_end.py", "killed")
    assert done.returncode != 0
    assert time.monotonic() - started < HANG / 2


def test_gloo_tells_of_a_killed_rank():
    pytest.importorskip("torch")
    first, second = by_gloo(2, SUPPORT / "ranks_end.py", "killed", "torch")
    _, errors = first.communicate(timeout=HANG)
    second.communicate(timeout=HANG)
    assert second.returncode == -signal.SIGKILL
    assert first.returncode == 1
    assert "RankFailed" in errors


def test_an_error_ends_all_processes_with_its_message():
    done = by_mpi(3, SUPPORT / "ranks_end.py", "raises")
    assert done.returncode != 0
    assert done.stderr.count("RankFailed: rank 1 of 3 failed: ValueError: rank 1 has had enough") == 2


def test_a_rank_that_does_not_answer_is_given_up():
    done = by_mpi(2, SUPPORT / "ranks_end.py", "sleeps")
    assert done.returncode != 0
    assert "there was no answer from some rank for 1 s" in done.stderr


@pytest.mark.parametrize("name, reason", [("SIGTERM", "terminated"), ("SIGINT", "interrupted")])
def test_a_signal_to_one_process_stops_all_with_a_checkpoint(name, reason, tmp_path):
    path = tmp_path / "run.safetensors"
    done = by_mpi(2, SUPPORT / "ranks_end.py", name, path)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert said == [{"stopped": reason, "step": 5}] * 2  # the step after the one in which it came

    def options(file):
        return {"callbacks": [el.schedule(lambda step: 1e-2), el.checkpoint(tmp_path / file)]}

    resumed = train(None, "dropout", resume=path, **options("run.safetensors"))
    assert resumed == train(None, "dropout", **options("whole.safetensors"))
