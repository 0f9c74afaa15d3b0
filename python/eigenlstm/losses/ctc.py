"""Connectionist temporal classification: the loss (also ``eigenlstm.losses.CTC``) and two decoders.

A path gives each frame a class; it spells the labels that are left when runs of one class become one and
blanks go away.
"""

import numpy as np

from .. import _core
from ..checks import as_floats, as_lengths, positive_int
from .base import Loss, LossSum, as_labels, scale, weights


class CTC(Loss):
    """Connectionist temporal classification: −log of the probability that the frames spell the labels.

    ``y_pred`` (B, T, C) are logits (the softmax is taken inside), ``lengths`` the frames of each row, and
    ``y_true`` (B, S) integer labels, of which each row has its ``target_lengths``; where those are not
    given, a row ends before its first negative label. Labels are classes other than `blank`.

    Parameters
    ----------
    blank : int
        The class that stands for no label.
    zero_infinity : bool
        Rows that cannot be spelt (fewer frames than labels plus a blank between equal neighbours) count
        as 0. Otherwise their loss is infinite; their gradient is 0 in either case. An empty target is
        spelt by blanks only.
    reduction : "mean" or "sum"
        "mean": each row's loss over the length of its target (at least 1), then the mean over rows, as
        in ``torch.nn.CTCLoss``.

    Notes
    -----
    `sample_weight` is (B,). Source: Graves, Fernández, Gomez, Schmidhuber 2006. Computed in float64
    for either dtype.
    """

    classes = True
    per_step = False  # a target's length is not that of x

    def __init__(self, blank=0, zero_infinity=False, *, reduction="mean"):
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = int(blank), bool(zero_infinity)

    def __call__(self, y_pred, y_true, sample_weight=None, lengths=None, *, target_lengths=None):
        return super().__call__(y_pred, y_true, sample_weight, lengths, target_lengths=target_lengths)

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None, *, target_lengths=None):
        y_pred = as_floats(y_pred, "CTC", "y_pred")
        if y_pred.ndim != 3:
            raise ValueError(f"CTC: y_pred must have shape (B, T, C), got {y_pred.shape}")
        batch, time = y_pred.shape[:2]
        y_true, counts = self._targets(y_true, batch, target_lengths)
        frames = as_lengths(lengths, batch, time, "CTC")
        frames = np.full(batch, time) if frames is None else frames
        row_weight = np.ones(batch)
        if sample_weight is not None:
            row_weight, _ = weights(sample_weight, None, (batch,), np.float64, "CTC")
        divisor = self._divisor(row_weight.sum())
        factor = row_weight
        if self.reduction == "mean":
            factor = row_weight * scale(divisor) / np.maximum(counts, 1)
        each, dy = _core.ctc(y_pred, y_true, frames, counts, self.blank, factor)
        each = each[factor > 0] * factor[factor > 0]
        value = float(each[~np.isinf(each)].sum() if self.zero_infinity else each.sum())
        return LossSum(value, divisor), dy

    def explain(self, y_pred, y_true, sample_weight=None, lengths=None):
        """Why the loss is infinite, as a sentence: the first row whose labels need more frames than it has; else
        None.
        """
        if self.zero_infinity:
            return None
        y_true, counts = self._targets(y_true, len(y_pred), None)
        frames = np.full(len(y_pred), y_pred.shape[1]) if lengths is None else np.asarray(lengths)
        for row in range(len(y_pred)) if sample_weight is None else np.flatnonzero(sample_weight):
            labels = y_true[row, : counts[row]]
            needed = len(labels) + np.count_nonzero(labels[1:] == labels[:-1])
            if needed > frames[row]:
                return (
                    f"CTC cannot spell all targets of this batch: row {row} needs {needed} frames for its "
                    f"{len(labels)} labels, it has {frames[row]}. zero_infinity=True leaves such rows out"
                )
        return None

    @staticmethod
    def _targets(y_true, batch, target_lengths):
        """Labels (B, S) and how many of each row count."""
        y_true = as_labels(y_true, "CTC")
        if y_true.ndim != 2 or len(y_true) != batch:
            raise ValueError(f"CTC: y_true must have shape ({batch}, S), got {y_true.shape}")
        if target_lengths is not None:
            return y_true, as_lengths(target_lengths, batch, y_true.shape[1], "CTC: target_lengths")
        ended = np.cumsum(y_true < 0, axis=1) > 0
        return y_true, np.count_nonzero(~ended, axis=1).astype(np.int64)


def greedy_decode(logits, lengths=None, blank=0):
    """What the likeliest path of each row spells.

    Parameters
    ----------
    logits : array (B, T, C), or list of B arrays (T_i, C); float32 or float64
    lengths : integers (B,) or None
        Frames of each row of an array.
    blank : int

    Returns
    -------
    list of B arrays of int64 labels
    """
    return [_spelt(row.argmax(axis=-1), blank) for row in rows_of(logits, lengths, blank, "greedy_decode")]


def beam_search(logits, lengths=None, blank=0, beam_width=16, num_results=1):
    """The likeliest labels of each row, over all paths that spell them: prefix beam search.

    Keeps the `beam_width` likeliest prefixes after each frame; with enough of them the result is exact.
    `eigenlstm.decoding.CTCDecoder` takes a lexicon and a language model, too.
    Sources: Graves 2008 (section 7.5), Hannun et al. 2014.

    Parameters
    ----------
    logits, lengths, blank
        As in `greedy_decode`: logits (B, T, C) or a list of B arrays (T_i, C); they may be −inf, not NaN.
    beam_width : int
    num_results : int
        How many hypotheses of a row, best first; at most `beam_width`.

    Returns
    -------
    list of B lists of (labels, log probability), labels an array of int64
    """
    rows = rows_of(logits, lengths, blank, "beam_search")
    positive_int(beam_width, "beam_search: beam_width")
    positive_int(num_results, "beam_search: num_results")
    return [_core.ctc_beam_search(row, int(blank), beam_width)[:num_results] for row in rows]


def rows_of(logits, lengths, blank, where):
    """The frames of each row, as a list of arrays (T_i, C)."""
    if isinstance(logits, (list, tuple)) and logits and np.ndim(logits[0]) == 2:
        if lengths is not None:
            raise ValueError(f"{where}: lengths is for logits as one array; the rows of a list have their own")
        rows = [as_floats(row, where, f"logits[{i}]") for i, row in enumerate(logits)]
        wrong = next((row.shape for row in rows if row.ndim != 2 or row.shape[1:] != rows[0].shape[1:]), None)
        if wrong is not None:
            raise ValueError(f"{where}: the rows of logits must have shapes (T_i, {rows[0].shape[1]}), got {wrong}")
        classes = rows[0].shape[1]
    else:
        logits = as_floats(logits, where, "logits")
        if logits.ndim != 3:
            raise ValueError(f"{where}: logits must have shape (B, T, C), got {logits.shape}")
        batch, time, classes = logits.shape
        lengths = as_lengths(lengths, batch, time, where)
        rows = list(logits) if lengths is None else [row[:length] for row, length in zip(logits, lengths)]
    if classes == 0:
        raise ValueError(f"{where}: logits must have at least one class")
    if not 0 <= blank < classes:
        raise ValueError(f"{where}: blank must lie in 0..{classes - 1}, got {blank}")
    return rows


def _spelt(path, blank):
    """The labels of a path (T,): of each run one, and no blanks."""
    changes = np.ones(path.shape, bool)
    changes[1:] = path[1:] != path[:-1]
    return path[changes & (path != blank)]
