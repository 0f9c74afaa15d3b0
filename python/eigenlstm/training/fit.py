"""Training, evaluation and prediction over whole data sets."""

import os
from collections.abc import Mapping

import numpy as np

from ..checks import flag, number, only_known_keywords, positive_int
from ..losses import ClassWeighted, losses
from ..seeds import as_seed, system_seed
from . import metrics as metric_module
from .batches import Rows, batches, rows_of
from .columns import Kinds
from .objective import Objective, described, per_step
from .preparation import Prepared, draw_by
from .run import Run


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
        Truncated backpropagation: cut sequences into pieces of so many steps, update after each
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
        if there is no such file yet.
    seed : int
        Of the order of rows and of dropout. Drawn from the system by default.
    verbose : 0, 1, 2
        Nothing; a table and a bar (with tqdm); the table alone.

    Raises
    ------
    NonFiniteLoss
        The loss became NaN or infinite; the model has the last good parameters.

    Notes
    -----
    Ctrl-C ends the run as if it were complete: the history comes back, and `early_stopping` restores
    the best parameters. The loss of an epoch is the mean over its rows, or over its steps where the
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
        _check_stateful(source, batch_size, "fit")
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
        **prepared.settings,
    }
    run = Run(
        model,
        weighted,
        optimizer,
        metrics=metrics,
        callbacks=callbacks,
        clip_norm=clip_norm,
        clip_value=clip_value,
        tbptt=tbptt,
        stateful=stateful,
        ema=ema,
        seed=system_seed() if seed is None else as_seed(seed, "fit"),
        settings=settings,
    )
    run.source = source
    validate = _validation(model, validation_data, loss, metrics, batch_size, stateful)
    if resume is not None and not isinstance(resume, (str, bytes, os.PathLike)):
        raise TypeError(f"fit: resume must be a path, got {resume!r}")
    if resume is not None and os.path.exists(resume):
        run.resume(resume, seed)
    source.check_epochs(epochs - run.epoch)
    model._evaluation = (loss, metrics)
    again = source.again("given" if stateful else "sorted")

    def measure(epoch):
        return _measured(model, run.objective, run.metrics, again.epoch(max(epoch - 1, 0), 0), stateful)

    return run.train(prepared, validate, epochs, verbose, None if again is None else measure)


@only_known_keywords
def evaluate(
    model, x, y=None, *, loss=None, metrics=None, lengths=None, sample_weight=None, batch_size=256, stateful=False
):
    """Loss and metrics of `model` on data, as a dict name -> float.

    The arguments are those of `fit`; `loss` and `metrics` default to those of the last `fit`.
    """
    fitted = model._evaluation or (None, ())
    loss = fitted[0] if loss is None else loss
    if loss is None:
        raise ValueError("evaluate: the model was not trained here, so loss must be given")
    return _evaluation(
        model,
        x,
        y,
        loss=loss,
        metrics=fitted[1] if metrics is None else metrics,
        lengths=lengths,
        sample_weight=sample_weight,
        batch_size=batch_size,
        stateful=stateful,
        where="evaluate",
    )()


def _evaluation(
    model, x, y=None, *, loss, metrics, lengths=None, sample_weight=None, batch_size=256, stateful=False, where
):
    """A function that evaluates `model` as it is then; the data are checked now."""
    model._check_outputs(where)
    loss = losses.get(loss)
    objective, metrics = Objective(model, loss, where), metric_module.for_loss(metrics, loss)
    source = batches(
        x,
        y,
        lengths,
        sample_weight,
        batch_size=batch_size,
        kinds=Kinds(model, loss),
        keeps_time=model.keeps_time,
        model=model,
        where=where,
        order="given" if stateful else "sorted",
        per_step=per_step(loss),
    )
    if stateful:
        _check_stateful(source, batch_size, where)

    def evaluated():
        return _measured(model, objective, metrics, source.epoch(0, 0), stateful)

    evaluated.names = ["loss", *(metric.name for metric in metrics)]
    return evaluated


def _measured(model, objective, metrics, batches, stateful):
    """Loss and metrics over `batches`, with the model as it is."""
    for metric in metrics:
        metric.reset()
    total = states = None
    for x, y, lengths, weight in batches:
        y_pred, _, states = objective.run(model, x, lengths, False, None, states if stateful else None)
        lengths = model.output_lengths(lengths)
        part, _ = objective.sums(y_pred, y, weight, lengths, need_gradient=False)
        total = part if total is None else total + part
        if metrics:
            y_pred = objective.predictions(y_pred, lengths)
        for metric in metrics:
            metric_module.update(metric, y_pred, y, lengths, weight)
    return {"loss": losses.mean_of(total), **{metric.name: metric.result() for metric in metrics}}


@only_known_keywords
def predict(model, x, *, lengths=None, batch_size=256):
    """Outputs of `model` for the rows of `x`, in their order.

    Parameters
    ----------
    x : array (N, T, F) or list of N arrays (T_i, F), for a `Model` a dict of those
    lengths : integers (N,), for a `Model` a dict of those
        Valid steps of each row of an array x.
    batch_size : int
        Rows at a time. It does not change a bit of the result.

    Returns
    -------
    array (N, …), zero in the steps after a row's length; a list of N arrays (T_i, …) for a list x and
    a model that keeps time.
    """
    model._check_outputs("predict")
    rows = rows_of(
        model,
        x,
        None,
        lengths,
        None,
        batch_size=batch_size,
        kinds=Kinds(model),
        keeps_time=model.keeps_time,
        where="predict",
        order="sorted",
    )
    if not rows.rows:
        x = rows.empty()
        if x is None:
            raise ValueError("predict: x has no rows")
        return model._run(x, lengths, False, None, None)[0]
    as_list = rows.ragged and model.keeps_time
    out = [None] * rows.rows if as_list else None
    for index, (xb, _, lb, _) in zip(rows.order(0), rows.epoch(0, 0)):
        y, _, _ = model._run(xb, lb, False, None, None)
        lb = model.output_lengths(lb)
        if as_list:
            for i, row, length in zip(index, y, lb):
                out[i] = row[:length].copy()
        elif model.keeps_time and lb is not None:
            out = _zeros_once(out, (rows.rows, _output_time(model, rows), *y.shape[2:]), y.dtype)
            for i, row, length in zip(index, y, lb):
                out[i, :length] = row[:length]
        else:
            out = _zeros_once(out, (rows.rows, *y.shape[1:]), y.dtype)
            out[index] = y
    return out


def _output_time(model, rows):
    """The steps that y has for all of the steps of x."""
    return int(model.output_lengths(rows.times())[0])


def _zeros_once(array, shape, dtype):
    return np.zeros(shape, dtype) if array is None else array


def _validation(model, data, loss, metrics, batch_size, stateful):
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
    return _evaluation(model, **options, where="fit: validation_data")


def _check_stateful(source, batch_size, where):
    if isinstance(source, Rows):
        if source.ragged:
            raise ValueError(f"{where}: stateful needs x as one array")
        if source.rows % batch_size:
            raise ValueError(
                f"{where}: stateful needs a number of rows that is a multiple of "
                f"batch_size {batch_size}, got {source.rows}"
            )


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
