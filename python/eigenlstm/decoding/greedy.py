"""The likeliest token, again and again."""

import numpy as np

from .states import bans, checked_limits, forbidden_ids, log_probabilities, start_tokens, take_rows, token_id


def greedy(step, state, *, start, end, max_length, min_length=0, forbidden=(), state_axis=0):
    """The likeliest next token of each row, until its end.

    >>> def step(tokens, state):  # one more each time, of five tokens
    ...     return 9.0 * np.eye(5)[(tokens + 1) % 5], state
    >>> greedy(step, None, start=[1, 3], end=0, max_length=9)
    [array([2, 3, 4]), array([4])]

    The arguments are those of `eigenlstm.decoding.beam_search`; the result is that of a search with `beam_width` 1.

    Returns
    -------
    list of B int64 arrays (length,) of tokens, without start and end
    """
    end = token_id(end, "greedy: end")
    max_length, min_length = checked_limits(max_length, min_length, "greedy")
    forbidden = forbidden_ids(forbidden, end, "greedy")
    tokens = start_tokens(start, state, state_axis, "greedy")
    spoken = [[] for _ in tokens]
    alive = np.arange(len(tokens))
    for length in range(max_length):
        if not len(alive):
            break
        scores, state = step(tokens, state)
        log_p = log_probabilities(scores, len(tokens), "greedy")
        tokens = bans(log_p, forbidden, end, length, max_length, min_length).argmax(axis=1)
        goes_on = np.flatnonzero(tokens != end)
        if len(goes_on) < len(tokens):
            alive, tokens, state = alive[goes_on], tokens[goes_on], take_rows(state, goes_on, state_axis)
        for row, token in zip(alive, tokens):
            spoken[row].append(token)
    return [np.array(row, np.int64) for row in spoken]
