"""Evaluation and prediction over whole data sets."""

import numpy as np

from ..checks import only_known_keywords
from ..distributed.team import Alone
from ..losses import losses
from . import metrics as metric_module
from .batches import Rows, batches, rows_of
from .columns import Kinds
from .objective import Objective, per_step
from .sharding import said, told


@only_known_keywords
def evaluate(
    model, x, y=None, *, loss=None, metrics=None, lengths=None, sample_weight=None, batch_size=256, stateful=False
):
    """Loss and metrics of `model` on data, as a dict name -> float.

    Parameters
    ----------
    x, y, lengths, sample_weight
        As in `fit`: (N, T, F) and its targets, for example, or lists of N arrays.
    loss, metrics
        As in `fit`; by default those of the last `fit`, or of the file that the model was loaded from.
    batch_size : int
        Rows at a time.
    stateful : bool
        As in `fit`.
    """
    fitted = model._evaluation or (None, ())
    loss = fitted[0] if loss is None else loss
    if loss is None:
        raise ValueError("evaluate: the model was not trained here, so loss must be given")
    return evaluation(
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


def evaluation(
    model,
    x,
    y=None,
    *,
    loss,
    metrics,
    lengths=None,
    sample_weight=None,
    batch_size=256,
    stateful=False,
    where,
    team=None,
):
    """A function that evaluates `model` as it is when it is called, on arrays of the shapes that `fit` takes; they are
    checked now.
    """
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
        check_stateful(source, batch_size, where)

    def evaluated():
        return measured(model, objective, metrics, source, 0, stateful, team)

    evaluated.data = source.fingerprint
    evaluated.names = ["loss", *(metric.name for metric in metrics)]
    return evaluated


def measured(model, objective, metrics, source, epoch, stateful, team=None):
    """Loss and metrics over an `epoch` of `source`, with the model as it is; all ranks of `team` call it.

    Rank r evaluates every batch whose number is r more than a multiple of the number of ranks; where states go from
    batch to batch, each rank evaluates all.
    """
    team = Alone() if team is None or stateful else team
    for metric in metrics:
        metric.reset()
    total = states = None
    loss, arrays, i = None, [], -1
    for i, batch in enumerate(source.epoch(epoch, 0, None if team.size == 1 else lambda i: i % team.size == team.rank)):
        if batch is not None:
            x, y, lengths, weight = batch
            y_pred, _, states = objective.run(model, x, lengths, False, None, states if stateful else None)
            lengths = model.output_lengths(lengths)
            loss, _ = objective.sums(y_pred, y, weight, lengths, need_gradient=False)
            if metrics:
                arrays = [objective.predictions(y_pred, lengths), y, lengths, weight]
        if i % team.size == team.size - 1:
            total, loss, arrays = _gathered(total, loss, arrays, metrics, team), None, []
    if (i + 1) % team.size:
        total = _gathered(total, loss, arrays, metrics, team)
    return {"loss": losses.mean_of(total), **{metric.name: metric.result() for metric in metrics}}


def _gathered(total, loss, arrays, metrics, team):
    """`total` with the losses of a batch of each rank, whose predictions the metrics are given, in order."""
    if team.size == 1:
        parts = [loss]
    else:
        words = team.gather("evaluates", None if loss is None else said(loss))
        parts = [told(each) for each in words if each is not None]
    for part in parts:
        total = part if total is None else total + part
    if metrics:
        for each in team.gather_arrays("evaluates metrics", arrays):
            for metric in metrics if each else ():
                metric_module.update(metric, *each)
    return total


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


def check_stateful(source, batch_size, where):
    """``ValueError`` unless every batch of `source` has `batch_size` rows of one array (N, T, F), in their order."""
    if isinstance(source, Rows):
        if source.ragged:
            raise ValueError(f"{where}: stateful needs x as one array")
        if source.rows % batch_size:
            raise ValueError(
                f"{where}: stateful needs a number of rows that is a multiple of "
                f"batch_size {batch_size}, got {source.rows}"
            )
