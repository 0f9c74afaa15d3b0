"""Training over whole data sets."""

import os
from collections.abc import Mapping

import numpy as np

from ..checks import flag, number, only_known_keywords, positive_int
from ..distributed.shards import AUTO, checked_shards
from ..distributed.team import Alone, Team
from ..losses import ClassWeighted, losses
from ..seeds import as_seed, system_seed
from .batches import batches
from .columns import Kinds
from .evaluation import check_stateful, evaluation, measured
from .evaluation import evaluate as evaluate
from .evaluation import predict as predict
from .meeting import meet, resume_together
from .objective import described, per_step
from .preparation import Prepared, draw_by
from .run import Run
from .sharding import Division


@only_known_keywords
def fit(
    model,
    x,
    y=None,
    *,
    loss,
    optimizer,
    epochs=1,
    batch_size=32,
    lengths=None,
    sample_weight=None,
    class_weight=None,
    sampling_weight=None,
    augment=None,
    validation_data=None,
    metrics=(),
    callbacks=(),
    clip_norm=None,
    clip_value=None,
    tbptt=None,
    stateful=False,
    shuffle=None,
    ema=None,
    steps_per_epoch=None,
    resume=None,
    seed=None,
    verbose=1,
    comm=None,
    shards=None,
):
    """Train `model` and return the history, a list with a dict for each epoch.

    Parameters
    ----------
    model : Sequential or Model
    x : array (N, T, F), list of N arrays (T_i, F), a dict of those, or batches
        Ragged rows come as a list, or as one array with `lengths`; rows of like length are batched
        together. Batches, for data larger than memory, are ``(x, y)``, ``(x, y, sample_weight)`` or
        dicts with x, y, lengths, sample_weight, from an iterable, or from a function
        ``f(epoch) -> iterable`` (epochs from 0). Layers of your own get batches of an array as
        read-only views where it needs no copy. A `Model` takes a dict from the names of its inputs.
    y : array with N rows, or list of N arrays
        Targets, as `loss` takes them: one a row, or one a step where the model keeps time.
    loss : str or callable
        See `eigenlstm.losses`.
    optimizer : optimiser
        See `eigenlstm.optimisers`.
    epochs, batch_size : int
        `epochs` counts from the start of the run, also of a resumed one.
    lengths : integers (N,), for a `Model` a dict of those
        Valid steps of each row of an array x.
    sample_weight : array (N,) or (N, T)
    class_weight : dict class -> weight, or array (C,)
        Each target also weighs what its class does; classes that a dict does not name weigh 1. y holds
        integers, or 0 and 1. `eigenlstm.losses.class_weights` has weights that make all classes equal.
        The training data alone are weighted so, not those of validation.
    sampling_weight : array (N,)
        Draw the N rows of an epoch with replacement, each in proportion to its weight, instead of each
        row once: ``class_weights(y)[y]`` draws all classes equally often.
    augment : callable ``augment(batch, rng) -> batch``, or list of such
        Changes each batch before the model trains on it, such as `eigenlstm.sound.SpecAugment` and
        `eigenlstm.text.WordDropout`. A batch is a dict of x, y, lengths and sample_weight, the last two
        None where there are none; its arrays must not be written to. `rng` is a
        ``numpy.random.Generator`` of its own for each batch of the run, so that `seed` decides what it
        draws, on any number of threads and in a resumed run.
    validation_data : (x, y), (x, y, sample_weight), dict of `evaluate`'s arguments, or batches
    metrics : names, metrics or functions
        See `eigenlstm.metrics`. Those of the training data are gathered while the model learns.
    callbacks : callables ``f(run)``
        Called after each epoch with the `Run`. `eigenlstm.callbacks.Callback` is the base of those that act at
        other times as well: at the start and the end, before the gradients are clipped, before a step.
    clip_norm, clip_value : float
        Scale the gradients down to this norm; clip each to ± this value.
    tbptt : int
        Truncated backpropagation: cut sequences into pieces of this many steps, update after each
        and carry the state over. y needs a target for each step.
    stateful : bool
        Row i of a batch goes on where row i of the batch before ended; an epoch starts without
        a state. N must be a multiple of `batch_size`, and `shuffle` off.
    shuffle : bool
        Draw the order of rows anew for each epoch; default is yes, unless stateful.
    ema : float
        Decay of an exponential moving average of the parameters after each update. Validation,
        checkpoints and the final model have the averages.
    steps_per_epoch : int
        Batches to take from an iterable for an epoch.
    resume : path
        Go on with the run that `checkpoint` left there, bit for bit; start from the beginning
        if there is no such file yet. All that makes a run what it is must be as it was; `shards` may be left out.
    seed : int
        Of the order of rows and of dropout. Drawn from the system by default.
    verbose : 0, 1, 2
        Nothing; a table and a bar (with tqdm); the table alone.
    comm : communicator of mpi4py, `eigenlstm.distributed.torch_comm()`, or `eigenlstm.distributed.Communicator`
        Train in several processes, which all call `fit` with the same arguments: the result is that of one, to the
        bit. Each computes some of the shards of a batch; arrays are given to all, and read where they are needed (an
        ``np.memmap``, say). A function ``f(epoch, rank, size)``, whose parameters have these names, gives the rows that
        `eigenlstm.distributed.rows_of_rank` names of each batch; all other batches are given whole. Rank 0 shows,
        logs and writes; callbacks are called in each process.
    shards : int or "auto"
        Parts that a batch is cut into, whose gradients are computed one by one and added by a fixed binary tree:
        with 8 shards, up to 8 processes have work. The bits of a run depend on it, not on the number of processes.
        "auto", the default with `comm`, looks at the rows of the batch alone: 8 shards, of more than 128 rows one for
        each 16, but at most 64. Default without `comm` is 1; a resumed run has by default what it had before.

    Raises
    ------
    NonFiniteLoss
        The loss became NaN or infinite; the model has the last good parameters.
    eigenlstm.distributed.RankFailed
        Another process of `comm` failed, was ended, or cannot be reached.

    Notes
    -----
    Ctrl-C ends the run as if it were complete: the history comes back, and `early_stopping` restores
    the best parameters. With `comm`, Ctrl-C and SIGTERM in any process end all after the same step, and `checkpoint`
    writes how far they have come. The loss of an epoch is the mean over its rows, or over its steps where the
    model keeps time, each taken before the update that it led to.
    """
    stateful = flag(stateful, "fit: stateful")
    shuffle = not stateful if shuffle is None else flag(shuffle, "fit: shuffle")
    if not isinstance(verbose, (int, np.integer)):
        raise TypeError(f"fit: verbose must be 0, 1 or 2, got {verbose!r}")
    if verbose not in (0, 1, 2):
        raise ValueError(f"fit: verbose must be 0, 1 or 2, got {verbose!r}")
    if steps_per_epoch is not None:
        positive_int(steps_per_epoch, "fit: steps_per_epoch")
    model._check_outputs("fit")
    _check_options(
        model,
        loss,
        epochs=epochs,
        tbptt=tbptt,
        clip_norm=clip_norm,
        clip_value=clip_value,
        ema=ema,
        stateful=stateful,
        shuffle=shuffle,
    )
    team = Alone() if comm is None else Team(comm)
    with team.together():
        order = "shuffled" if shuffle else "given"
        source = batches(
            x,
            y,
            lengths,
            sample_weight,
            batch_size=batch_size,
            kinds=Kinds(model, losses.get(loss), class_weight),
            keeps_time=model.keeps_time,
            model=model,
            where="fit",
            order=order,
            steps=steps_per_epoch,
            per_step=per_step(loss),
        )
        if stateful:
            check_stateful(source, batch_size, "fit")
        if sampling_weight is not None:
            draw_by(sampling_weight, source, shuffle)
        prepared = Prepared(source, augment)
        weighted = loss if class_weight is None else ClassWeighted(loss, class_weight, model.keeps_time)
        settings = {
            "rows": source.rows,
            "batch_size": batch_size,
            "shuffle": shuffle,
            "tbptt": tbptt,
            "stateful": stateful,
            "clip_norm": clip_norm,
            "clip_value": clip_value,
            "ema": ema,
            "class_weight": None if class_weight is None else weighted.class_weight.tolist(),
            "loss": described(loss),
            "shards": _number_of_shards(shards, comm),
            **prepared.settings,
        }
        drawn = system_seed() if seed is None else as_seed(seed, "fit")
        run = Run(
            model,
            weighted,
            optimizer,
            division=Division(team, settings["shards"]),
            metrics=metrics,
            callbacks=callbacks,
            clip_norm=clip_norm,
            clip_value=clip_value,
            tbptt=tbptt,
            stateful=stateful,
            ema=ema,
            seed=team.gather("draws a seed", drawn)[0],
            settings=settings,
        )
        run.source = source
        validate = _validation(model, validation_data, loss, metrics, batch_size, stateful, team)
        meet(run, epochs, seed, validate)
        if resume is not None and not isinstance(resume, (str, bytes, os.PathLike)):
            raise TypeError(f"fit: resume must be a path, got {resume!r}")
        if resume is not None:
            resume_together(run, resume, seed, shards is None)
        source.check_epochs(epochs - run.epoch)
        model._evaluation = (loss, metrics)
        again = source.again("given" if stateful else "sorted")

        def measure(epoch):
            return measured(model, run.objective, run.metrics, again, max(epoch - 1, 0), stateful, team)

        return run.train(prepared, validate, epochs, verbose, None if again is None else measure)


def _number_of_shards(shards, comm):
    if shards is None:
        return 1 if comm is None else AUTO
    return checked_shards(shards, "fit: shards")


def _validation(model, data, loss, metrics, batch_size, stateful, team):
    """What evaluates `model` on the validation data with the loss and metrics of this run."""
    if data is None:
        return None
    options = {"batch_size": batch_size, "stateful": stateful, "loss": loss, "metrics": metrics}
    if isinstance(data, Mapping):
        options.update(data)
    elif isinstance(data, tuple) and len(data) in (2, 3):
        options.update(zip(("x", "y", "sample_weight"), data))
    elif isinstance(data, tuple) or hasattr(data, "__array__"):
        raise ValueError(
            "fit: validation_data must be (x, y), (x, y, sample_weight), a dict of "
            "evaluate's arguments or an iterable of batches"
        )
    else:
        options["x"] = data
    return evaluation(model, **options, where="fit: validation_data", team=team)


def _check_options(model, loss, *, epochs, tbptt, clip_norm, clip_value, ema, stateful, shuffle):
    positive_int(epochs, "fit: epochs")
    if tbptt is not None:
        positive_int(tbptt, "fit: tbptt")
        if not model.keeps_time:
            raise ValueError("fit: tbptt needs a model that gives a value for each step")
        if not per_step(loss) or getattr(losses.get(loss), "whole_rows", False):
            raise ValueError(f"fit: tbptt needs a target for each step, which {losses.get(loss)!r} does not take")
    for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if value is not None and not number(value, f"fit: {name}") > 0:
            raise ValueError(f"fit: {name} must be positive, got {value!r}")
    if ema is not None and not 0 <= number(ema, "fit: ema") < 1:
        raise ValueError(f"fit: ema must lie in [0, 1), got {ema!r}")
    if stateful and shuffle:
        raise ValueError("fit: stateful needs rows in their order; leave shuffle off")
    if stateful or tbptt:
        model._check_carried("fit")
    if (stateful or tbptt) and _reads_backwards(model):
        raise ValueError(
            "fit: stateful and tbptt carry the state on, which a bidirectional layer cannot do, nor one with "
            "reverse=True"
        )


def _reads_backwards(layer):
    backwards = getattr(layer, "bidirectional", False) or getattr(layer, "reverse", False)
    return backwards and layer.recurrent or any(_reads_backwards(part) for part in getattr(layer, "layers", ()))
