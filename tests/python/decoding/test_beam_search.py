"""Beam and greedy search: against a search through every sequence, and a beam search written plainly."""

import doctest
import itertools
import math
import sys

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.decoding import beam_search, greedy

START, END = 0, 1


def test_the_examples_of_the_docstrings_are_true():
    module = sys.modules["eigenlstm.decoding.greedy"]  # as an attribute of the package it is the function
    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


class Markov:
    """A model whose next token depends on the last two, differently for each row; it counts in its state."""

    def __init__(self, rows, vocabulary, seed=0, dtype=np.float64):
        self.table = 2 * np.random.default_rng(seed).standard_normal((rows, vocabulary, vocabulary, vocabulary))
        self.table = self.table.astype(dtype)
        self.calls = []

    def state(self):
        rows = len(self.table)
        return {"row": np.arange(rows), "last": (np.full((1, rows), START), None), "length": [np.zeros((rows, 1))]}

    axis = {"row": 0, "last": 1, "length": 0}  # noqa: RUF012

    def __call__(self, tokens, state):
        self.calls.append(len(tokens))
        (last,), _ = state["last"]
        scores = self.table[state["row"], last, tokens]
        return scores, {"row": state["row"], "last": (tokens[None], None), "length": [state["length"][0] + 1]}

    def log_p(self, row, tokens):
        total, last, before = 0.0, START, START
        for token in tokens:
            scores = self.table[row, before, last].astype(np.float64)
            total += scores[token] - np.log(np.exp(scores).sum())
            before, last = last, token
        return total


def every(model, row, vocabulary, max_length, rule, allowed=lambda tokens: True):
    """All sequences with their scores, best first."""
    others = [token for token in range(vocabulary) if token != END]
    found = []
    for length in range(max_length + 1):
        for tokens in itertools.product(others, repeat=length):
            if allowed(tokens):
                log_p = model.log_p(row, [*tokens, END])
                found.append((rule(log_p, length + 1), log_p, list(tokens)))
    return sorted(found, key=lambda one: -one[0])


# Fmt: skip
RULES = [
    ("length", 0.0, lambda p, n: p),
    ("length", 0.7, lambda p, n: p / n**0.7),
    ("gnmt", 0.6, lambda p, n: p / ((5 + n) / 6) ** 0.6),
]


@pytest.mark.parametrize("length_penalty, alpha, rule", RULES, ids=["log p", "length", "gnmt"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_beam_that_holds_everything_finds_the_best_of_all_sequences(length_penalty, alpha, rule, dtype):
    model = Markov(5, 4, dtype=dtype)
    found = beam_search(
        model,
        model.state(),
        start=START,
        end=END,
        max_length=4,
        beam_width=200,
        num_results=6,
        # Fmt: skip
        length_penalty=length_penalty,
        alpha=alpha,
        early_stop=False,
        state_axis=model.axis,
    )
    for row, hypotheses in enumerate(found):
        expected = every(model, row, 4, 4, rule)[:6]
        assert [one.tokens.tolist() for one in hypotheses] == [tokens for _, _, tokens in expected]
        assert np.allclose([one.score for one in hypotheses], [score for score, _, _ in expected], rtol=1e-12)
        assert np.allclose([one.log_probability for one in hypotheses], [log_p for _, log_p, _ in expected], rtol=1e-12)
        assert hypotheses[0].tokens.dtype == np.int64


def plain_beam_search(model, row, width, max_length, rule, results):
    """One row, lists of tokens: after each step the best `width` that go on, of twice as many the ended ones apart."""
    beam, done = [((), 0.0)], []
    for length in range(max_length + 1):
        grown = []
        for tokens, log_p in beam:
            for token in range(model.table.shape[1]):
                if length < max_length or token == END:
                    grown.append(
                        ((*tokens, token), log_p + model.log_p(row, (*tokens, token)) - model.log_p(row, tokens))
                    )
        grown.sort(key=lambda one: -one[1])
        done += [(rule(log_p, length + 1), list(tokens[:-1])) for tokens, log_p in grown[:width] if tokens[-1] == END]
        done.sort(key=lambda one: -one[0])
        beam = [one for one in grown[: 2 * width] if one[0][-1] != END][:width]
        if not beam or len(done) >= results and rule(beam[0][1], length + 2) <= done[results - 1][0]:
            break
    return done[:results]


@pytest.mark.parametrize("width, results", [(1, 1), (2, 1), (3, 3), (5, 2)])
@pytest.mark.parametrize("length_penalty, alpha, rule", RULES, ids=["log p", "length", "gnmt"])
def test_many_rows_at_once_are_each_row_by_itself(width, results, length_penalty, alpha, rule):
    model = Markov(12, 7, seed=1)
    options = {"start": START, "end": END, "max_length": 9, "beam_width": width, "num_results": results,
               "length_penalty": length_penalty, "alpha": alpha, "state_axis": model.axis}  # fmt: skip
    found = beam_search(model, model.state(), **options)
    lengths = set()
    for row, hypotheses in enumerate(found):
        expected = plain_beam_search(model, row, width, 9, rule, results)
        assert [one.tokens.tolist() for one in hypotheses] == [tokens for _, tokens in expected]
        lengths.update(len(one.tokens) for one in hypotheses)
    assert len(lengths) > 2 and model.calls[-1] < model.calls[1]  # rows that are done are not asked again


def test_stopping_early_is_a_guess_that_searching_on_does_not_need():
    """Where long sequences score better, a row may be done too soon; without `early_stop` no better one is missed."""
    model = Markov(60, 5, seed=5)
    options = {"start": START, "end": END, "max_length": 6, "beam_width": 4, "state_axis": model.axis}
    early, late = (
        [row[0] for row in beam_search(model, model.state(), early_stop=stop, **options)] for stop in (True, False)
    )
    assert all(a.score <= b.score for a, b in zip(early, late))
    assert any(a.score < b.score and len(a.tokens) < len(b.tokens) for a, b in zip(early, late))


def test_greedy_is_a_beam_of_one_and_the_likeliest_token_each_time():
    model = Markov(8, 6, seed=2)
    spoken = greedy(model, model.state(), start=START, end=END, max_length=7, state_axis=model.axis)
    beams = beam_search(model, model.state(), start=START, end=END, max_length=7, beam_width=1, alpha=0.0,
                        state_axis=model.axis)  # fmt: skip
    for row, (tokens, found) in enumerate(zip(spoken, beams)):
        expected, last, before = [], START, START
        while len(expected) < 7 and (token := int(model.table[row, before, last].argmax())) != END:
            expected.append(token)
            before, last = last, token
        assert tokens.tolist() == expected and tokens.dtype == np.int64
        if len(tokens) < 7:
            assert found[0].tokens.tolist() == expected


@pytest.mark.parametrize(
    "search", [greedy, lambda *a, **k: [row[0].tokens for row in beam_search(*a, beam_width=3, **k)]]
)
def test_what_may_not_come_does_not(search):
    model = Markov(6, 6, seed=3)
    found = search(model, model.state(), start=START, end=END, max_length=5, min_length=3, forbidden=[0, 4],
                   state_axis=model.axis)  # fmt: skip
    assert all(3 <= len(tokens) <= 5 and not {0, 4} & set(tokens.tolist()) for tokens in found)


def test_fewer_tokens_than_beams():
    model = Markov(2, 2, seed=4)  # one token beside the end
    found = beam_search(model, model.state(), start=START, end=END, max_length=3, beam_width=8, num_results=8,
                        early_stop=False, state_axis=model.axis)  # fmt: skip
    assert [sorted(one.tokens.tolist() for one in row) for row in found] == [[[], [0], [0, 0], [0, 0, 0]]] * 2


def test_a_start_for_each_row_and_a_step_without_a_state():
    def step(tokens, state):
        assert state is None
        return np.eye(5)[(tokens + 1) % 5] * 20, state

    options = {"start": [2, 3, 4], "end": 0, "max_length": 9}
    assert [row.tolist() for row in greedy(step, None, **options)] == [[3, 4], [4], []]
    assert [row[0].tokens.tolist() for row in beam_search(step, None, **options)] == [[3, 4], [4], []]
    assert beam_search(step, None, **{**options, "start": np.zeros(0, int)}) == []


def test_a_trained_decoder_speaks():
    """An LSTM that learned to spell a row's number backwards: the search carries states (layers, B, H)."""
    rng = np.random.default_rng(0)
    embedding, lstm, output = el.Embedding(12, 8, seed=1), el.LSTM(8, 32, seed=2), el.Linear(32, 12, seed=3)
    model, loss, optimizer = el.share(embedding, lstm, output), el.losses.CrossEntropy(), el.Adam(1e-2)
    numbers = rng.integers(2, 12, (64, 3))
    x = np.concatenate([numbers, np.full((64, 1), START), numbers[:, ::-1]], axis=1)
    for _ in range(150):
        e, read = embedding.forward(x)
        y, _, tape = lstm.forward(e)
        logits, spoken = output.forward(y)
        target = np.concatenate([np.full((64, 3), -100), numbers[:, ::-1], np.full((64, 1), END)], axis=1)
        _, dy = loss(logits, target)
        model.zero_grad()
        de, _ = lstm.backward(tape, output.backward(spoken, dy))
        embedding.backward(read, de)
        optimizer.step(model)
    _, state = lstm(embedding(numbers))

    def step(tokens, state):
        y, state = lstm(embedding(tokens[:, None]), state=state)
        return output(y[:, 0]), state

    options = {"start": START, "end": END, "max_length": 5, "state_axis": 1}
    found = beam_search(step, state, beam_width=4, **options)
    right = sum(row[0].tokens.tolist() == number[::-1].tolist() for row, number in zip(found, numbers))
    assert right > 55
    assert sum(a.tolist() == b[0].tokens.tolist() for a, b in zip(greedy(step, state, **options), found)) > 55
    one = beam_search(step, tuple(part[:, 5:6] for part in state), beam_width=4, **options)  # the same bits alone
    assert one[0][0].score == found[5][0].score and np.array_equal(one[0][0].tokens, found[5][0].tokens)


def scores_of(value):
    return lambda tokens, state: (value(len(tokens)), state)


@pytest.mark.parametrize(
    "error, message, change",
    [
        (ValueError, "end must be an integer of at least 0", {"end": -1}),
        (ValueError, "end must be below the 3 tokens", {"end": 3}),
        (ValueError, "max_length must be at least 1", {"max_length": 0}),
        (ValueError, "min_length must be at most max_length 4, got 5", {"min_length": 5}),
        (ValueError, "num_results must be at most beam_width 2, got 3", {"num_results": 3, "beam_width": 2}),
        (ValueError, "length_penalty must be 'length' or 'gnmt'", {"length_penalty": "x"}),
        (ValueError, "alpha must be at least 0", {"alpha": -0.5}),
        (ValueError, "forbidden must not hold the end 1", {"forbidden": [1]}),
        (TypeError, "start must be an integer or integers", {"start": 0.5}),
        (ValueError, "start must be an integer for each row where the state has no arrays", {"state": None}),
        (ValueError, "state_axis 3 must be an axis", {"state_axis": 3}),
        (ValueError, r"step must give scores of shape \(2, V\), got \(2, 1, 3\)", {"step": scores_of(lambda n: np.zeros((n, 1, 3)))}),
        (TypeError, "must have dtype float32 or float64, got int64", {"step": scores_of(lambda n: np.zeros((n, 3), int))}),
        (ValueError, "must not be NaN", {"step": scores_of(lambda n: np.full((n, 3), math.nan))}),
    ],
)  # fmt: skip
def test_refusals(error, message, change):
    arguments = {
        "step": scores_of(lambda n: np.zeros((n, 3))),
        "state": np.zeros((2, 4)),
        "start": 0,
        "end": 1,
        "max_length": 4,
    }
    arguments.update(change)
    with pytest.raises(error, match=message):
        beam_search(arguments.pop("step"), arguments.pop("state"), **arguments)
