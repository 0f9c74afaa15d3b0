"""What `fit(comm=...)` costs beyond a plain Allreduce of the same gradients.

    mpirun -n 2 python bench/ranks.py [--steps 12] [--rounds 7]

T = 100, a global batch of 128, I = H = 128, one thread a rank. Each round trains some steps as `fit` does, and the same
steps with one ``Allreduce`` in the place of all that `fit` exchanges: the sums then depend on the number of ranks.
The rounds of both alternate; what is compared is the fastest of each.
"""

import argparse
import time

import numpy as np
from mpi4py import MPI

import eigenlstm as el
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
    seconds = {"fit": [], "Allreduce": []}
    for _ in range(given.rounds):
        for name, over in (("fit", ours), ("Allreduce", plain(comm))):
            GradientSum.over = over
            model = el.Sequential([el.LSTM(I, H, seed=0), el.Last(), el.Linear(H, 1, seed=1)])
            comm.Barrier()
            started = time.perf_counter()
            model.fit(
                x, y, loss="mse", optimizer="adam", batch_size=B, shards=comm.size, comm=ranks, shuffle=False,
                seed=0, verbose=0,
            )  # fmt: skip
            seconds[name].append((time.perf_counter() - started) / given.steps)
    if comm.rank == 0:
        best = {name: min(values) * 1e3 for name, values in seconds.items()}
        share = best["fit"] / best["Allreduce"] - 1
        print(
            f"{comm.size} ranks: {best['fit']:.2f} ms a step, {best['Allreduce']:.2f} ms with a plain Allreduce: ",
            end="",
        )
        print(f"{share:+.1%}")


if __name__ == "__main__":
    main()
