"""A rank of a run that comes to an end: ``python ranks_end.py HOW [PATH or TRANSPORT]``."""

import json
import os
import signal
import sys
import time

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


def main(how, argument="mpi"):
    el.set_num_threads(1)
    if argument == "torch":
        comm = el.distributed.torch_comm(timeout=20)
    else:
        comm = el.distributed.mpi_comm(timeout=1 if how == "sleeps" else 60)
    if not how.startswith("SIG"):
        epochs = 10**6 if how == "long" else 50
        ranks_case.trained("dropout", comm, callbacks=[ends(how)], epochs=epochs)
        return

    def rate(step):
        if comm.rank == 1 and step == 3:
            os.kill(os.getpid(), getattr(signal, how))
        return 1e-2

    callbacks = [el.schedule(rate), el.checkpoint(argument)]
    _, history, run = ranks_case.trained("dropout", comm, callbacks=callbacks)
    sys.stdout.write(json.dumps({"stopped": history.stopped, "step": run.step}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
