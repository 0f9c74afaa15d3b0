"""A rank of a run that comes to an end: ``python ranks_end.py HOW [TRANSPORT]``, or by a signal to one of the ranks:
``python ranks_end.py SIGNAL CHECKPOINT RANK``.

With HOW "cut", an endless run whose link someone cuts: ``python ranks_end.py cut TRANSPORT FOLDER``. Each rank writes
what it has to say of that to FOLDER/errors.RANK, since it can't be said to others any more, and once it trains, its
process number to FOLDER/pid.RANK.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import ranks_case

import eigenlstm as el


def ends(how):
    """A hook that ends rank 1 before its fourth step."""

    class Ends(el.callbacks.Callback):
        def before_step(self, run):
            if run.rank != 1 or run.step != 3:
                return
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "raises":
                raise ValueError("rank 1 has had enough")
            if how == "sleeps":
                time.sleep(30)

    return Ends()


def by_torch(timeout):
    """A communicator among processes that have a default group already, with a timeout of its own: half an hour."""
    import torch

    torch.distributed.init_process_group("gloo")
    return el.distributed.torch_comm(timeout=timeout)


def cut(transport, folder):
    comm = by_torch(3) if transport == "torch" else el.distributed.mpi_comm(timeout=3)

    def trains(run):
        if run.epoch == 1:
            (folder / f"pid.{run.rank}").write_text(str(os.getpid()))

    sys.stderr = open(folder / f"errors.{comm.rank}", "w", buffering=1)
    ranks_case.trained("dropout", comm, callbacks=[trains], epochs=10**6)


def main(how, argument="mpi", more=None):
    el.set_num_threads(1)
    if how == "cut":
        return cut(argument, Path(more))
    timeout = 1 if how == "sleeps" else 60
    comm = by_torch(timeout) if argument == "torch" else el.distributed.mpi_comm(timeout=timeout)
    if not how.startswith("SIG"):
        ranks_case.trained("dropout", comm, callbacks=[ends(how)], epochs=50)
        return

    def rate(step):
        if comm.rank == int(more) and step == 3:
            os.kill(os.getpid(), getattr(signal, how))
        return 1e-2

    callbacks = [el.schedule(rate), el.checkpoint(argument)]
    _, history, run = ranks_case.trained("dropout", comm, callbacks=callbacks)
    sys.stdout.write(json.dumps({"stopped": history.stopped, "step": run.step}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
