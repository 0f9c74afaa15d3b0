"""Vocabularies: ids by count, unknown tokens, padding, files that come back the same, refusals."""

import doctest

import numpy as np
import pytest

from eigenlstm.text import Vocabulary, from_json, pad, vocabulary

SENTENCES = [["b", "a", "b"], ["c", "b", "d"], ["a"]]


def test_the_examples_of_the_docstrings_are_true():
    assert doctest.testmod(vocabulary).failed == 0


def test_tokens_come_by_falling_count_then_by_the_alphabet():
    assert Vocabulary.build(SENTENCES).tokens == ("<pad>", "<unk>", "b", "a", "c", "d")
    assert Vocabulary.build(SENTENCES, min_count=2).tokens == ("<pad>", "<unk>", "b", "a")
    assert Vocabulary.build(SENTENCES, max_size=5).tokens == ("<pad>", "<unk>", "b", "a", "c")
    plain = Vocabulary.build(SENTENCES, padding=None, unknown=None, start="<s>", end="</s>")
    assert plain.tokens == ("<s>", "</s>", "b", "a", "c", "d")
    assert (plain.padding_id, plain.unknown_id, plain.start_id, plain.end_id) == (None, None, 0, 1)


def test_encoding_and_decoding():
    words = Vocabulary.build(SENTENCES, start="<s>", end="</s>")
    ids = words.encode(["a", "z", "b"])
    assert ids.dtype == np.int64 and ids.tolist() == [5, words.unknown_id, 4]
    assert words.encode([]).shape == (0,)
    assert words.decode([words.start_id, 5, 1, 4, words.end_id, 0, -1, -1]) == ["a", "<unk>", "b"]
    assert words.decode(np.array([2, 5, 3, 0]), keep_special=True) == ["<s>", "a", "</s>", "<pad>"]
    assert "a" in words and "z" not in words and len(words) == 8


def test_a_vocabulary_without_an_unknown_token_refuses_what_it_does_not_know():
    labels = Vocabulary(["O", "B-X"], padding=None, unknown=None)
    assert labels.encode(["B-X", "O"]).tolist() == [1, 0]
    with pytest.raises(ValueError, match="there is no token 'I-X', and no unknown token"):
        labels.encode(["I-X"])


def test_it_comes_back_from_its_config():
    words = Vocabulary.build(SENTENCES, end="</s>")
    again = Vocabulary.from_config(words.config())
    assert again == words and again.end_id == words.end_id and from_json(words.to_json()) == words
    assert again != Vocabulary.build(SENTENCES)


@pytest.mark.parametrize(
    "error, message, make",
    [
        (TypeError, "tokens must be a sequence of str, got 'abc'", lambda: Vocabulary("abc")),
        (TypeError, "tokens must be str, got 3", lambda: Vocabulary(["<pad>", "<unk>", 3])),
        (ValueError, "tokens must be different, got 'a' twice", lambda: Vocabulary(["<pad>", "<unk>", "a", "a"])),
        (ValueError, "unknown '<unk>' must be one of the tokens", lambda: Vocabulary(["<pad>", "a"])),
        (ValueError, "must be different, got 'x', 'x'", lambda: Vocabulary(["x"], padding="x", unknown="x")),
        (TypeError, "padding must be a str or None, got 0", lambda: Vocabulary(["a"], padding=0, unknown=None)),
        (TypeError, "sequences must hold sequences of tokens", lambda: Vocabulary.build(["a b"])),
        (ValueError, "max_size must have room for the 2", lambda: Vocabulary.build(SENTENCES, max_size=1)),
        (ValueError, "min_count must be at least 1", lambda: Vocabulary.build(SENTENCES, min_count=0)),
        (TypeError, "got the str 'a'", lambda: Vocabulary.build(SENTENCES).encode("a")),
        (ValueError, "ids must be below 6, got 6", lambda: Vocabulary.build(SENTENCES).decode([6])),
        (TypeError, "ids must be integers, got float64", lambda: Vocabulary.build(SENTENCES).decode([1.0])),
        (ValueError, "one row of integers, got shape", lambda: Vocabulary.build(SENTENCES).decode([[1]])),
        (TypeError, r"rows\[1\] must be integers", lambda: pad([[1], [0.5]])),
    ],
)
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()


def test_padding_rows():
    rows, lengths = pad([[5, 6, 7], [], np.array([8], np.int32)], value=-1)
    assert rows.tolist() == [[5, 6, 7], [-1, -1, -1], [8, -1, -1]] and lengths.tolist() == [3, 0, 1]
    assert rows.dtype == lengths.dtype == np.int64
    assert pad([])[0].shape == (0, 0)
