"""CTC with a lexicon and a language model: against a search through every path, the native search, step by step."""

import doctest
import itertools
import math

import numpy as np
import pytest

from eigenlstm import ctc
from eigenlstm.decoding import CTCDecoder, Lexicon, NGram, lexicon

RNG = np.random.default_rng(0)
SPELLINGS = [("a", [1]), ("ab", [1, 2]), ("b", [2]), ("ba", [2, 1]), ("aa", [1, 1]), ("bee", [2])]
MODEL = NGram.train([["a", "b", "ab"], ["ba", "a"], ["bee", "ab"], ["aa", "b"]], order=2)


def logits_of(time, classes, seed, spread=1.5):
    return spread * np.random.default_rng(seed).standard_normal((time, classes))


def all_labels(logits, blank=0):
    """log p of every sequence of labels, summed over all paths."""
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    found = {}
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label != blank)
        found.setdefault(labels, []).append(sum(log_p[t, label] for t, label in enumerate(path)))
    return {labels: np.logaddexp.reduce(each) for labels, each in found.items()}


def readings(labels, separator):
    """Every way in which `labels` are words."""
    if not labels:
        yield []
    for word, spelling in SPELLINGS:
        n = len(spelling)
        if list(labels[:n]) == spelling:
            rest = labels[n:]
            if separator is None or not rest:
                yield from ([word, *words] for words in readings(rest, separator))
            elif rest[0] == separator and len(rest) > 1:
                yield from ([word, *words] for words in readings(rest[1:], separator))
            elif tuple(rest) == (separator,):
                yield [word]


def expected_words(logits, separator, lm_weight, bonus):
    """The words of the best score, by looking at all labels and all their readings."""
    best = {}
    for labels, log_p in all_labels(logits).items():
        for words in readings(list(labels), separator):
            score = log_p + bonus * len(words) + lm_weight * MODEL.log_probability(words)
            best[tuple(words)] = max(best.get(tuple(words), -math.inf), score)
    return sorted(best.items(), key=lambda one: -one[1])


def test_the_examples_of_the_docstrings_are_true():
    assert doctest.testmod(lexicon, extraglobs={"el": __import__("eigenlstm")}).failed == 0


@pytest.mark.parametrize("separator, classes", [(None, 3), (3, 4)])
@pytest.mark.parametrize("lm_weight, bonus", [(0.0, 0.0), (0.8, 0.0), (1.5, 2.0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_words_of_all(separator, classes, lm_weight, bonus, seed):
    logits = logits_of(5, classes, seed)
    decoder = CTCDecoder(lexicon=Lexicon(SPELLINGS, separator=separator), language_model=MODEL, lm_weight=lm_weight,
                         bonus=bonus, beam_width=2000, num_results=5)  # fmt: skip
    (found,) = decoder.decode(logits[None])
    expected = expected_words(logits, separator, lm_weight, bonus)
    assert np.allclose([one.score for one in found], [score for _, score in expected[:5]], rtol=1e-10)
    for one in found:
        assert dict(expected)[tuple(one.words)] == pytest.approx(one.score, rel=1e-10)
        assert all_labels(logits)[tuple(one.labels.tolist())] == pytest.approx(one.log_probability, rel=1e-10)


@pytest.mark.parametrize("blank", [0, 2])
def test_a_language_model_of_labels(blank):
    logits = logits_of(5, 3, 7)
    labels_lm = NGram.train([[1, 1, 0], [0, 1], [2, 1, 1], [1, 2, 0]], order=3)
    decoder = CTCDecoder(blank=blank, language_model=labels_lm, lm_weight=0.7, bonus=0.5, beam_width=500, num_results=4)
    (found,) = decoder.decode(logits[None])
    expected = sorted(((p + 0.7 * labels_lm.log_probability(labels) + 0.5 * len(labels), labels)
                       for labels, p in all_labels(logits, blank).items()), reverse=True)  # fmt: skip
    assert [tuple(one.labels.tolist()) for one in found] == [labels for _, labels in expected[:4]]
    assert np.allclose([one.score for one in found], [score for score, _ in expected[:4]])
    assert all(one.words is None for one in found)


@pytest.mark.parametrize("width", [3, 8, 64])
def test_without_either_it_is_the_native_search(width):
    logits = logits_of(30, 6, 1)[None].repeat(2, 0).astype(np.float32)
    logits[1] = logits[1, ::-1]
    plain = CTCDecoder(beam_width=width, num_results=3)
    native = ctc.beam_search(logits, [30, 17], beam_width=width, num_results=3)
    by_hand = CTCDecoder(beam_width=width, num_results=3, threshold=1e9)  # a threshold that takes the other way
    for decoder in (plain, by_hand):
        for row, expected in zip(decoder.decode(logits, [30, 17]), native):
            assert [one.labels.tolist() for one in row] == [labels.tolist() for labels, _ in expected]
            assert np.allclose([one.score for one in row], [log_p for _, log_p in expected], rtol=1e-12)


def test_ragged_lists_are_rows_of_an_array():
    logits = np.stack([logits_of(20, 4, 2), logits_of(20, 4, 3)])
    lengths, rows = [20, 9], [logits[0], logits[1, :9]]
    decoder = CTCDecoder(lexicon=Lexicon(SPELLINGS, separator=3))
    assert decoder(rows) == decoder(logits, lengths)
    assert all(isinstance(words, list) for words in decoder(rows))
    for search in (ctc.greedy_decode, ctc.beam_search, CTCDecoder()):
        assert str(search(rows)) == str(search(logits, lengths))


@pytest.mark.parametrize("cuts", [[1] * 24, [5, 0, 19], [24]])
def test_frames_come_in_any_pieces(cuts):
    logits = logits_of(24, 4, 4)
    decoder = CTCDecoder(lexicon=Lexicon(SPELLINGS, separator=3), language_model=MODEL, beam_width=20, num_results=3)
    stream, start = decoder.stream(), 0
    for size in cuts:
        stream.push(logits[start] if size == 1 else logits[start : start + size])
        start += size
        assert set(stream.best().words) <= {word for word, _ in SPELLINGS}
    assert str(stream.finish()) == str(decoder.decode(logits[None])[0])
    assert str(stream.finish()) == str(stream.finish())


def test_the_best_so_far_grows():
    logits = np.full((8, 4), -9.0)
    logits[range(8), [1, 2, 0, 3, 0, 2, 2, 3]] = 9
    stream = CTCDecoder(lexicon=Lexicon(SPELLINGS, separator=3)).stream()
    assert stream.best().words == [] and stream.finish()[0].words == []
    seen = []
    for frame in logits:
        stream.push(frame)
        seen.append(stream.best().words)
    assert seen[2] == [] and seen[3] == ["ab"] and seen[7] in (["ab", "b"], ["ab", "bee"])


def test_a_word_that_is_not_whole_is_left_out():
    logits = np.full((1, 4, 6), -30.0)
    logits[0, range(4), [4, 5, 3, 4]] = 30
    decoder = CTCDecoder(lexicon=Lexicon({"yes": [4, 5], "other": [4, 5, 2]}, separator=3), beam_width=1)
    (found,) = decoder.decode(logits)[0]
    assert found.words == ["yes"] and found.labels.tolist() == [4, 5, 3, 4]


def test_a_threshold_drops_what_is_far_behind():
    logits = logits_of(40, 4, 5, spread=4.0)[None]
    words = Lexicon(SPELLINGS[:-1], separator=3)  # each word spelt differently
    wide, narrow = (CTCDecoder(lexicon=words, beam_width=100, threshold=threshold) for threshold in (1e9, 6.0))
    assert wide(logits) == narrow(logits)
    stream = narrow.stream()
    stream.push(logits[0])
    scores = [np.logaddexp(blank, label) for _, blank, label in stream._beam]
    assert len(scores) < 100 and scores[0] - 6.0 <= scores[-1] < scores[0] - 4.0


def test_a_long_stream_keeps_what_it_needs_alone():
    import gc

    from eigenlstm.decoding.ctc import _Prefix

    stream = CTCDecoder(beam_width=4, threshold=1e9).stream()
    for _ in range(30):
        stream.push(logits_of(20, 4, 6))
    gc.collect()
    assert sum(type(one) is _Prefix for one in gc.get_objects()) < 4 * 600


@pytest.mark.parametrize(
    "error, message, make",
    [
        (ValueError, "blank must be an integer of at least 0", lambda: CTCDecoder(blank=-1)),
        (ValueError, "num_results must be at most beam_width 2, got 3", lambda: CTCDecoder(beam_width=2, num_results=3)),
        (TypeError, "lexicon must be a Lexicon, got dict", lambda: CTCDecoder(lexicon={"a": [1]})),
        (ValueError, "the lexicon must not hold the blank 1", lambda: CTCDecoder(blank=1, lexicon=Lexicon(SPELLINGS))),
        (TypeError, "language_model must have start, score and finish", lambda: CTCDecoder(language_model=max)),
        (ValueError, "threshold must be positive", lambda: CTCDecoder(threshold=0.0)),
        (TypeError, "lm_weight must be a number", lambda: CTCDecoder(lm_weight="1")),
        (ValueError, r"logits must have shape \(T, C\), .* C >= 3, got \(4, 2\)",
         lambda: CTCDecoder(lexicon=Lexicon(SPELLINGS)).decode(np.zeros((1, 4, 2)))),
        (ValueError, r"logits must have shape \(B, T, C\)", lambda: CTCDecoder().decode(np.zeros((4, 2)))),
        (ValueError, "lengths is for logits as one array", lambda: CTCDecoder().decode([np.zeros((4, 2))], [4])),
        (ValueError, r"rows of logits must have shapes \(T_i, 2\)", lambda: CTCDecoder().decode([np.zeros((4, 2)), np.zeros((4, 3))])),
        (ValueError, "must not be NaN", lambda: CTCDecoder(lexicon=Lexicon(SPELLINGS)).decode(np.full((1, 4, 3), np.nan))),
        (ValueError, "the labels of 'a' must be integers", lambda: Lexicon({"a": []})),
        (ValueError, "must not hold the separator 3", lambda: Lexicon({"a": [1, 3]}, separator=3)),
        (ValueError, "at least one word", lambda: Lexicon({})),
    ],
)  # fmt: skip
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
