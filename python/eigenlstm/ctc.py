"""Decoders for networks trained with `eigenlstm.losses.CTC`: logits (B, T, C) to labels.

A path gives each frame a class; it spells the labels that are left when runs of one class become one and
blanks go away.
"""

import numpy as np

from . import _core
from .arrays import as_floats, as_lengths, positive_int


def greedy_decode(logits, lengths=None, blank=0):
    """What the likeliest path of each row spells.

    Parameters
    ----------
    logits : array (B, T, C), float32 or float64
    lengths : integers (B,) or None
        Frames of each row.
    blank : int

    Returns
    -------
    list of B arrays of int64 labels
    """
    logits, lengths, blank = _checked(logits, lengths, blank, "greedy_decode")
    paths = logits.argmax(axis=-1) if logits.size else np.zeros(logits.shape[:2], np.int64)
    changes = np.ones(paths.shape, bool)
    changes[:, 1:] = paths[:, 1:] != paths[:, :-1]
    spelt = changes & (paths != blank) & (np.arange(paths.shape[1]) < lengths[:, None])
    return [path[row] for path, row in zip(paths, spelt)]


def beam_search(logits, lengths=None, blank=0, beam_width=16, num_results=1):
    """The likeliest labels of each row, over all paths that spell them: prefix beam search.

    Keeps the `beam_width` likeliest prefixes after each frame; with enough of them the result is exact.
    Sources: Graves 2008 (section 7.5), Hannun et al. 2014.

    Parameters
    ----------
    logits, lengths, blank
        As in `greedy_decode`; logits may be −inf, not NaN.
    beam_width : int
    num_results : int
        How many hypotheses of a row, best first; at most `beam_width`.

    Returns
    -------
    list of B lists of (labels, log probability), labels an array of int64
    """
    logits, lengths, blank = _checked(logits, lengths, blank, "beam_search")
    positive_int(beam_width, "beam_search: beam_width")
    positive_int(num_results, "beam_search: num_results")
    return [_core.ctc_beam_search(row[:length], blank, beam_width)[:num_results]
            for row, length in zip(logits, lengths)]


def _checked(logits, lengths, blank, where):
    logits = as_floats(logits, where, "logits")
    if logits.ndim != 3 or logits.shape[2] == 0:
        raise ValueError(f"{where}: logits must have shape (B, T, C), got {logits.shape}")
    batch, time, classes = logits.shape
    if not 0 <= blank < classes:
        raise ValueError(f"{where}: blank must lie in 0..{classes - 1}, got {blank}")
    lengths = as_lengths(lengths, batch, time, where)
    return logits, np.full(batch, time) if lengths is None else lengths, int(blank)
