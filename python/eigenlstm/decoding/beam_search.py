"""Beam search: the most probable sequences of tokens under a model that gives one token after the other."""

from typing import NamedTuple

import numpy as np

from ..checks import number, positive_int
from .states import bans, checked_limits, forbidden_ids, log_probabilities, start_tokens, take_rows, token_id


class Hypothesis(NamedTuple):
    """What a search found: `tokens` int64 without start and end, its `score`, and the log of its probability."""

    tokens: np.ndarray
    score: float
    log_probability: float


def beam_search(
    step,
    state,
    *,
    start,
    end,
    max_length,
    beam_width=4,
    num_results=1,
    length_penalty="length",
    alpha=1.0,
    early_stop=True,
    min_length=0,
    forbidden=(),
    state_axis=0,
):
    """The best sequences of tokens for each of B rows, all rows searched at once.

    A decoder with attention on a memory, whose LSTM's state has its rows on axis 1:

    >>> def step(tokens, state):
    ...     y, hidden = lstm(embedding(tokens[:, None]), state=state["hidden"])
    ...     mixed = attention(y, state["memory"], lengths=(None, state["lengths"]))
    ...     return output(mixed[:, 0]), {**state, "hidden": hidden}
    >>> found = beam_search(step, {"hidden": (h, c), "memory": memory, "lengths": lengths}, start=2, end=3,
    ...                     max_length=60, state_axis={"hidden": 1, "memory": 0, "lengths": 0})
    >>> best = found[0]  # of the first row
    >>> best[0].tokens

    Parameters
    ----------
    step : callable ``step(tokens, state) -> (scores, state)``
        `tokens` are int64 (N,), the last of N hypotheses; `scores` (N, V) logits or log-probabilities of the next
        one, float32 or float64. N changes from step to step.
    state : nest of arrays
        Tuples, lists, dicts and None, to any depth; with the B rows when the search begins.
    start : int or integers (B,)
        The token before the first one.
    end : int
        The token that ends a sequence.
    max_length : int
        Most tokens of a sequence; those that have as many are ended, at the probability of `end`.
    beam_width, num_results : int
        Hypotheses that are kept of a row after each step, and that are returned, at most `beam_width`.
    length_penalty : "length" or "gnmt", with alpha : float
        A sequence y, counted with its end, scores ``log p / |y|^alpha``, or ``log p / ((5 + |y|) / 6)^alpha`` (Wu et
        al. 2016). alpha 0: log p itself, which prefers short ones.
    early_stop : bool
        A row is done when its best unfinished hypothesis would score no better than its last result if it ended
        now; else when it could not become better by any length up to `max_length`.
    min_length : int
        Fewest tokens of a sequence.
    forbidden : integers
        Tokens that must not occur, such as that for unknown words.
    state_axis : int or nest of int
        The axis of the rows in the arrays of `state`: one for all, or for each part of it.

    Returns
    -------
    list of B lists of `Hypothesis`, best first. What is found for a row does not depend on the others if `step`'s
    scores do not.
    """
    where = "beam_search"
    end = token_id(end, f"{where}: end")
    max_length, min_length = checked_limits(max_length, min_length, where)
    width = positive_int(beam_width, f"{where}: beam_width")
    if positive_int(num_results, f"{where}: num_results") > width:
        raise ValueError(f"{where}: num_results must be at most beam_width {width}, got {num_results}")
    rule = _Length(length_penalty, alpha, max_length if not early_stop else None)
    forbidden = forbidden_ids(forbidden, end, where)
    tokens = start_tokens(start, state, state_axis, where)
    beams = _Beams(len(tokens), num_results)
    for length in range(max_length + 1):
        if not len(beams.rows):
            break
        scores, state = step(tokens, state)
        log_p = bans(log_probabilities(scores, len(tokens), where), forbidden, end, length, max_length, min_length)
        tokens, sources = beams.grow(log_p, end, width, rule)
        state = take_rows(state, sources, state_axis)
    return [
        [Hypothesis(tokens, score, log_probability) for score, log_probability, tokens in found]
        for found in beams.found
    ]


class _Length:
    """How the length of a sequence counts."""

    def __init__(self, length_penalty, alpha, longest):
        if length_penalty not in ("length", "gnmt"):
            raise ValueError(f"beam_search: length_penalty must be 'length' or 'gnmt', got {length_penalty!r}")
        self._offset, self._unit = (0, 1) if length_penalty == "length" else (5, 6)
        self._alpha, self._longest = number(alpha, "beam_search: alpha"), longest
        if not self._alpha >= 0:
            raise ValueError(f"beam_search: alpha must be at least 0, got {alpha!r}")

    def score(self, log_p, length):
        return log_p / ((self._offset + length) / self._unit) ** self._alpha

    def bound(self, log_p, length):
        """The best score that an unfinished sequence of `length` tokens is hoped to have."""
        return self.score(log_p, length + 1 if self._longest is None else self._longest + 1)


class _Beams:
    """The hypotheses of all rows that are not done.

    `rows` (S,) says which rows these are; `log_p` (S, K) and `tokens` (S, K, length) hold their K hypotheses;
    `found` the finished ones of all rows, best first.
    """

    def __init__(self, rows, num_results):
        self.rows, self.num_results = np.arange(rows), num_results
        self.log_p = np.zeros((rows, 1))
        self.tokens = np.zeros((rows, 1, 0), np.int64)
        self.found = [[] for _ in range(rows)]

    def grow(self, next_log_p, end, width, rule):
        """Put every token behind every hypothesis and keep the best; their tokens and where they came from, (N,)."""
        rows, beams, length = self.tokens.shape
        vocabulary = next_log_p.shape[1]
        if end >= vocabulary:
            raise ValueError(f"beam_search: end must be below the {vocabulary} tokens that step scores, got {end}")
        total = (self.log_p[:, :, None] + next_log_p.reshape(rows, beams, vocabulary)).reshape(rows, beams * vocabulary)
        best = _largest(total, 2 * width)  # each of at most `width` hypotheses ends once: as many others are left
        log_p = np.take_along_axis(total, best, axis=1)
        beam, token = best // vocabulary, best % vocabulary
        ends = (token == end) & (log_p > -np.inf)
        for i, j in zip(*np.nonzero(ends[:, :width])):
            self._finish(self.rows[i], log_p[i, j], self.tokens[i, beam[i, j]], rule, length)
        log_p[token == end] = -np.inf
        kept = np.argsort(-log_p, axis=1, kind="stable")[:, :width]
        log_p, beam, token = (np.take_along_axis(part, kept, axis=1) for part in (log_p, beam, token))
        alive = np.array(
            [self._goes_on(row, best, rule, length + 1) for row, best in zip(self.rows, log_p[:, 0])], bool
        )
        history = np.take_along_axis(self.tokens, beam[:, :, None], axis=1)
        self.tokens = np.concatenate([history, token[:, :, None]], axis=2)[alive]
        sources = (np.arange(rows)[:, None] * beams + beam)[alive].reshape(-1)
        self.rows, self.log_p = self.rows[alive], log_p[alive]
        return token[alive].reshape(-1), sources

    def _finish(self, row, log_p, tokens, rule, length):
        found = self.found[row]
        found.append((float(rule.score(log_p, length + 1)), float(log_p), tokens))
        found.sort(key=lambda entry: -entry[0])
        del found[self.num_results :]

    def _goes_on(self, row, log_p, rule, length):
        if log_p == -np.inf:
            return False
        found = self.found[row]
        return len(found) < self.num_results or rule.bound(log_p, length) > found[-1][0]


def _largest(values, count):
    """Positions of the `count` largest values of each row, largest first, of equal ones the first."""
    size = values.shape[1]
    if count < size:
        threshold = np.partition(values, size - count, axis=1)[:, size - count]
        # few are at least as large as the smallest wanted one; sorting these alone is quick and keeps their order
        out = np.empty((len(values), count), np.int64)
        for row, least, found in zip(values, threshold, out):
            places = np.flatnonzero(row >= least)
            found[:] = places[np.argsort(-row[places], kind="stable")[:count]]
        return out
    return np.argsort(-values, axis=1, kind="stable")
