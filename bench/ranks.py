"""What `fit(comm=...)` costs beyond a plain Allreduce of the same gradients.

    mpirun -n 2 python bench/ranks.py [--steps 12] [--rounds 7]

T = 100, a global batch of 128, I = H = 128, one thread a rank. Each round trains some steps as `fit` does; the same
steps with one ``Allreduce`` in the place of all that `fit` exchanges, whose sums then depend on the number of ranks;
and without any exchange, each rank by itself, which is the most that could be saved if all of it were hidden behind the
computation. The rounds alternate; what is compared is the fastest of each. In the end the sum of the gradients by
itself, the median of a hundred.
"""

import argparse
import time

import numpy as np
from mpi4py import MPI

import eigenlstm as el
from eigenlstm.distributed.team import Team
from eigenlstm.training.sharding import GradientSum

T, B, I, H = 100, 128, 128, 128


def plain(comm):
    """`GradientSum.over` by one Allreduce, without a word about losses, failures or signals."""

    def over(self, rows, gradient):
        cuts, mine = self._division.shards(rows)
        part = gradient(mine.start, slice(0, cuts[mine.stop] - cuts[mine.start]), len(cuts) - 1)
        comm.Allreduce(MPI.IN_PLACE, self._grads)
        self._grads /= comm.size
        return part

    return over


def by_itself(self, rows, gradient):
    """`GradientSum.over` without the other ranks."""
    cuts, mine = self._division.shards(rows)
    return gradient(mine.start, slice(0, cuts[mine.stop] - cuts[mine.start]), len(cuts) - 1)


def sum_alone(ranks, n, times=100):
    """Seconds that `Team.add` takes for n gradients, of which each rank has a shard, in ranks that are in step."""
    team, found = Team(ranks), []
    grads, mine = np.zeros(n, np.float32), np.zeros(team.padded(n), np.float32)
    for _ in range(times):
        team.gather("is in step", None)
        started = time.perf_counter()
        team.add({(team.rank, team.rank + 1): mine}, team.size, 2.0, grads)
        found.append(time.perf_counter() - started)
    return np.median(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    el.set_num_threads(1)
    comm, ours = MPI.COMM_WORLD, GradientSum.over
    ranks = el.distributed.mpi_comm(comm)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((B * given.steps, T, I), np.float32)
    y = np.zeros((len(x), 1), np.float32)
    ways = {"fit": ours, "Allreduce": plain(comm), "nothing": by_itself}
    seconds = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, over in ways.items():
            GradientSum.over = over
            model = el.Sequential([el.LSTM(I, H, seed=0), el.Last(), el.Linear(H, 1, seed=1)])
            comm.Barrier()
            started = time.perf_counter()
            model.fit(
                x, y, loss="mse", optimizer="adam", batch_size=B, shards=comm.size, comm=ranks, shuffle=False,
                seed=0, verbose=0,
            )  # fmt: skip
            seconds[name].append((time.perf_counter() - started) / given.steps)
    alone = sum_alone(ranks, model.num_params)
    if comm.rank == 0:
        best = {name: min(values) * 1e3 for name, values in seconds.items()}
        ours, plainly, nothing = best.values()
        print(
            f"{comm.size} ranks: {ours:.2f} ms a step; "
            f"{plainly:.2f} ms with a plain Allreduce ({ours / plainly - 1:+.1%}); "
            f"{nothing:.2f} ms without any exchange ({ours / nothing - 1:+.1%}); "
            f"the sum of {model.num_params:,} gradients alone: {alone * 1e3:.2f} ms"
        )


if __name__ == "__main__":
    main()
