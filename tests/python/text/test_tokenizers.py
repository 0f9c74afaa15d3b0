"""Tokenizers: words, characters and byte-pair units against their definitions; files; refusals."""

import doctest
import json
from collections import Counter

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.text import BytePairTokenizer, CharacterTokenizer, Vocabulary, WordTokenizer, byte_pairs, tokenizers

TEXTS = [
    "The cat doesn't sit on the mat.",
    "The cats sat, and sat; and the mat was flat!",
    "Éléphants à l’école : 12 chats — 34 rats.",
    "low lower lowest newer newest wider widest",
]


@pytest.mark.parametrize("module", [tokenizers, byte_pairs])
def test_the_examples_of_the_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


def test_words():
    words = WordTokenizer.train(TEXTS, min_count=2, lower=True, end="</s>")
    assert words.tokenize("The CAT doesn't sit.") == ["the", "cat", "doesn't", "sit", "."]
    assert words.tokenize("l’école… (x_1)") == ["l’école", "…", "(", "x_1", ")"]
    assert words.decode(words.encode("The cat sat .", end=True)) == "the <unk> sat ."
    assert words.encode("the", end=True).tolist() == [words.vocabulary.id("the"), words.vocabulary.end_id]
    assert words.encode("").shape == (0,)


def test_words_between_spaces():
    words = WordTokenizer.train(["a-b  c,\td"], split="spaces")
    assert words.tokenize(" a-b c,  d\n") == ["a-b", "c,", "d"]
    assert words.decode(words.encode("a-b c, d")) == "a-b c, d"


def test_characters_are_the_text_again():
    letters = CharacterTokenizer.train(TEXTS)
    assert [letters.decode(row) for row in letters.encode_batch(TEXTS)] == TEXTS
    assert letters.decode_batch(letters.encode_batch(["mat", "at"])) == ["mat", "at"]


def test_forms_of_unicode():
    composed, decomposed = "é", "e\u0301"
    assert CharacterTokenizer.train([composed]).encode(decomposed).tolist() == [2]
    assert len(CharacterTokenizer.train([decomposed], normalize=None).vocabulary) == 4


# -- byte-pair units ----------------------------------------------------------------------------


def learned_by_definition(texts, size, min_count):
    """Sennrich, Haddow, Birch 2016, algorithm 1, with the whole count done again for each merge."""
    words = Counter("▁" + word for text in texts for word in text.split())
    words = {tuple(word): count for word, count in words.items()}
    letters = Counter()
    for word, count in words.items():
        for letter in word:
            letters[letter] += count
    known = {letter for letter, count in letters.items() if count >= min_count}
    vocabulary, merges = set(known), []
    while len(vocabulary) + 2 < size:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                if set("".join(pair)) <= known:
                    pairs[pair] += count
        if not pairs or max(pairs.values()) < min_count:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        vocabulary.add("".join(best))
        words = {merged(word, best): count for word, count in words.items()}
    return merges


def merged(word, pair):
    out = []
    for piece in word:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
            # what was merged is no left half of the same merge again
            out.append("")
        else:
            out.append(piece)
    return tuple(piece for piece in out if piece)


def random_texts(seed, count=60):
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("aab"), rng.integers(1, 8))) for _ in range(40)]
    return [" ".join(rng.choice(words, rng.integers(1, 6))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size, min_count", [(12, 1), (40, 2), (500, 3)])
def test_merges_are_those_of_the_definition(seed, size, min_count):
    texts = random_texts(seed)
    found = BytePairTokenizer.train(texts, size=size, min_count=min_count)
    assert found.merges == learned_by_definition(texts, size, min_count)
    assert len(found.vocabulary) <= size


def test_a_word_is_cut_by_the_merges_in_the_order_in_which_they_were_learned():
    texts = random_texts(7)
    pieces = BytePairTokenizer.train(texts, size=60)
    for text in texts:
        for word in text.split():
            expected = tuple("▁" + word)
            for pair in pieces.merges:
                expected = merged(expected, pair)
            assert pieces.tokenize(word) == list(expected)


def test_pieces_are_the_text_again_and_fewer_than_letters():
    pieces = BytePairTokenizer.train(TEXTS * 2, size=120, start="<s>", end="</s>")
    for text in TEXTS:
        row = pieces.encode(text, start=True, end=True)
        assert pieces.decode(row) == text and len(row) < len(text)
    assert pieces.decode(pieces.encode("mat  \n cat")) == "mat cat"
    assert pieces.tokenize("ж")[-1] == "ж" and pieces.encode("ж")[-1] == pieces.vocabulary.unknown_id
    assert not any(set(piece) & set(".,!") and len(piece.strip("▁.,!")) for piece in pieces.vocabulary.tokens)


def test_dropout_cuts_a_word_differently_but_it_stays_the_word():
    pieces = BytePairTokenizer.train(TEXTS * 2, size=120)
    rng = np.random.default_rng(0)
    cuts = {tuple(pieces.tokenize("lowest newest", dropout=0.3, rng=rng)) for _ in range(50)}
    assert len(cuts) > 5 and {pieces.join(cut) for cut in cuts} == {"lowest newest"}
    assert pieces.tokenize("lowest", dropout=0.9999999, rng=rng) == list("▁lowest")
    first, again = (pieces.encode("lowest", dropout=0.5, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)


# -- files --------------------------------------------------------------------------------------


def each():
    yield WordTokenizer.train(TEXTS, lower=True, split="spaces", end="</s>")
    yield CharacterTokenizer.train(TEXTS, unknown=None, normalize="NFKC")
    yield BytePairTokenizer.train(TEXTS, size=80, lower=True)


@pytest.mark.parametrize("tokenizer", list(each()), ids=lambda tokenizer: type(tokenizer).__name__)
def test_files(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    model = el.Sequential([el.Embedding(len(tokenizer.vocabulary), 4), el.LSTM(4, 3), el.Last()])
    model.save(tmp_path / "m.safetensors", metadata={"tokenizer": tokenizer.to_json()})
    for path in (tmp_path / "tokenizer.json", tmp_path / "m.safetensors"):
        again = el.text.load(path)
        assert again == tokenizer and again.to_json() == tokenizer.to_json()
        assert np.array_equal(again.encode("the cats sat"), tokenizer.encode("the cats sat"))
    with pytest.raises(el.FileError, match="no entry 'words'"):
        el.text.load(tmp_path / "m.safetensors", key="words")


def broken(change):
    about = json.loads(BytePairTokenizer.train(TEXTS, size=80).to_json())
    change(about)
    return json.dumps(about)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"format": 1, "class": "WordTokenizer"}',
        '{"format": 1, "class": "dict", "config": {}}',
        '{"format": 1, "class": "WordTokenizer", "config": {}}',
        broken(lambda about: about.update(format=2)),
        broken(lambda about: about["config"].update(merges=[["a"]])),
        broken(lambda about: about["config"].update(merges=[["a", 1]])),
        broken(lambda about: about["config"].update(merges=7)),
        broken(lambda about: about["config"].update(merges=[["qqq", "zzz"]])),
        broken(lambda about: about["config"].update(lower="yes")),
        broken(lambda about: about["config"].update(other=1)),
        broken(lambda about: about["config"]["vocabulary"].update(tokens=[["a"]])),
        broken(lambda about: about["config"]["vocabulary"].update(padding="none of them")),
        broken(lambda about: about["config"].update(vocabulary=[])),
    ],
)
def test_broken_files_are_refused(text, tmp_path):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(el.FileError, match="t.json"):
        el.text.load(tmp_path / "t.json")


@pytest.mark.parametrize(
    "error, message, make",
    [
        (TypeError, "WordTokenizer.train: texts must be an iterable of str", lambda: WordTokenizer.train("a b")),
        (TypeError, "WordTokenizer: text must be a str, got 3", lambda: WordTokenizer.train([3])),
        (ValueError, "split must be 'words' or 'spaces'", lambda: WordTokenizer.train(TEXTS, split="x")),
        (ValueError, "normalize must be one of", lambda: CharacterTokenizer.train(TEXTS, normalize="NFX")),
        (TypeError, "lower must be True or False", lambda: CharacterTokenizer.train(TEXTS, lower=1)),
        (TypeError, "vocabulary must be a Vocabulary", lambda: WordTokenizer(["a"])),
        (ValueError, "the vocabulary has no end token", lambda: WordTokenizer.train(TEXTS).encode("a", end=True)),
        (ValueError, "size must be at least", lambda: BytePairTokenizer.train(TEXTS, size=5)),
        (ValueError, "dropout needs rng", lambda: BytePairTokenizer.train(TEXTS, size=90).tokenize("a", dropout=0.1)),
        (
            ValueError,
            r"dropout must lie in \[0, 1\)",
            lambda: BytePairTokenizer.train(TEXTS, size=90).tokenize("a", dropout=1),
        ),
        (
            ValueError,
            "merges must be pairs of str",
            lambda: BytePairTokenizer(Vocabulary(["<pad>", "<unk>"]), [("a", "b")]),
        ),
    ],
)
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
