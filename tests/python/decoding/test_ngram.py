"""N-gram models: by their recursive definitions, probabilities that add up to 1, files, refusals."""

import doctest
import math
from collections import Counter

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.decoding import NGram, ngram

TEXT = ["the cat sat on the mat", "the cat ate the rat", "a rat sat on a cat", "the mat sat", "a cat ate", "on the mat"]
SENTENCES = [line.split() for line in TEXT]
WORDS = sorted({word for sentence in SENTENCES for word in sentence})


def grams(sentences, n):
    found = Counter()
    for sentence in sentences:
        tokens = ["<s>", *sentence, "</s>"]
        found.update(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
    return found


def kneser_ney(sentences, order, context, token):
    """p(token | context) of interpolated Kneser-Ney by recursion: Chen, Goodman 1998, equation 4.36 and on."""
    vocabulary = {word for (word,) in grams(sentences, 1)} - {"<s>"} | {"<unk>"}

    def count(gram, n):
        seen = grams(sentences, n)
        if n == order or gram[0] == "<s>":
            return seen[gram]
        return sum(1 for longer in grams(sentences, n + 1) if longer[1:] == gram)

    def counts(n):
        return {gram: count(gram, n) for gram in grams(sentences, n) if gram != ("<s>",)}

    def p(context, n):
        every = counts(n)
        once, twice = (sum(1 for value in every.values() if value == k) for k in (1, 2))
        discount = once / (once + 2 * twice) if once and twice else 0.5
        after = {gram[-1]: value for gram, value in every.items() if gram[:-1] == context}
        lower = p(context[1:], n - 1) if n > 1 else dict.fromkeys(vocabulary, 1 / len(vocabulary))
        if not after:
            return lower
        total = sum(after.values())
        share = discount * len(after) / total
        return {word: max(after.get(word, 0) - discount, 0) / total + share * lower[word] for word in vocabulary}

    context = context[-(order - 1) :] if order > 1 else ()
    return p(tuple(context), len(context) + 1)[token]


def test_the_examples_of_the_docstrings_are_true():
    assert doctest.testmod(ngram).failed == 0


def after(model, context):
    state = model.start
    for token in context:
        _, state = model.score(state, token)
    return state


CONTEXTS = [[], ["the"], ["the", "cat"], ["sat", "on"], ["on", "the", "cat"], ["ate", "ate"], ["mat"]]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_kneser_ney_is_its_definition(order):
    model = NGram.train(SENTENCES, order=order)
    for context in CONTEXTS:
        for token in ("cat", "the", "</s>", "<unk>"):
            expected = kneser_ney(SENTENCES, order, ("<s>", *context), token)
            assert math.exp(model.score(after(model, context), token)[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_add_up_to_1(order):
    model = NGram.train(SENTENCES, order=order)
    for context in CONTEXTS:
        state = after(model, context)
        assert sum(math.exp(model.score(state, token)[0]) for token in [*WORDS, "</s>", "<unk>"]) == pytest.approx(
            1, rel=1e-12
        )


@pytest.mark.parametrize("order", [1, 2, 3])
def test_stupid_backoff_is_its_definition(order):
    model = NGram.train(SENTENCES, order=order, smoothing="stupid_backoff")
    counts = {n: grams(SENTENCES, n) for n in range(1, order + 1)}
    total = sum(counts[1].values()) - len(SENTENCES)

    def score(context, token):
        if not context:
            return max(counts[1][(token,)], 1) / total
        seen = counts[len(context) + 1][(*context, token)]
        return seen / counts[len(context)][context] if seen else 0.4 * score(context[1:], token)

    for context in CONTEXTS:
        for token in ("cat", "the", "on", "</s>"):
            cut = ("<s>", *context)[-(order - 1) :] if order > 1 else ()
            assert math.exp(model.score(after(model, context), token)[0]) == pytest.approx(score(cut, token), rel=1e-12)


def test_sequences_and_perplexity():
    model = NGram.train(SENTENCES, order=2)
    by_hand = sum(
        math.log(kneser_ney(SENTENCES, 2, ("<s>", *["a", "rat"][:i]), w)) for i, w in enumerate(["a", "rat", "</s>"])
    )
    assert model.log_probability(["a", "rat"]) == pytest.approx(by_hand, rel=1e-12)
    assert model.perplexity([["a", "rat"]]) == pytest.approx(math.exp(-by_hand / 3), rel=1e-12)
    assert model.perplexity(SENTENCES) < NGram.train(SENTENCES, order=1).perplexity(SENTENCES)
    assert math.isnan(model.perplexity([]))


@pytest.mark.parametrize("smoothing", ["kneser_ney", "stupid_backoff"])
@pytest.mark.parametrize("order", [1, 3])
def test_files(order, smoothing, tmp_path):
    model = NGram.train(SENTENCES, order=order, smoothing=smoothing)
    model.save(tmp_path / "m.arpa")
    again = NGram.load(tmp_path / "m.arpa")
    assert again.order == order and again.start == model.start
    for context in CONTEXTS:
        for token in [*WORDS, "</s>", "never"]:
            assert again.score(after(again, context), token)[0] == pytest.approx(
                model.score(after(model, context), token)[0]
            )


def test_labels_are_tokens_too(tmp_path):
    model = NGram.train([np.array([3, 4, 3]), [4, 4]], order=2)
    model.save(tmp_path / "m.arpa")
    again = NGram.load(tmp_path / "m.arpa", token=int)
    assert again.log_probability([3, 4]) == pytest.approx(model.log_probability(np.array([3, 4])))
    assert model.score(model.start, 3)[0] > model.score(model.start, 9)[0]


def test_a_file_of_another_program(tmp_path):
    (tmp_path / "m.arpa").write_text(
        "\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-0.5 </s>\n-99 <s> -0.3\n-0.4 a -0.25\n-1 <unk>\n\n"
        "\\2-grams:\n-0.1 <s> a\n-0.2 a </s>\n\n\\end\\\n"
    )
    model = NGram.load(tmp_path / "m.arpa")
    log_p, state = model.score(model.start, "a")
    assert log_p == pytest.approx(-0.1 * math.log(10)) and model.finish(state) == pytest.approx(-0.2 * math.log(10))
    assert model.score(state, "a")[0] == pytest.approx((-0.25 - 0.4) * math.log(10))
    assert model.score(model.start, "z")[0] == pytest.approx((-0.3 - 1) * math.log(10))


@pytest.mark.parametrize(
    "text",
    [
        "", "\\data\\\n\\end\\\n", "\\data\\\nngram 1=2\n\\1-grams:\n-1 </s>\n\\end\\\n",
        "\\data\\\nngram 1=2\n\\1-grams:\n-1 </s>\n-1 <unk>\n", "\\data\\\nngram 1=2\n\\1-grams:\n0.5 </s>\n-1 <unk>\n\\end\\\n",
        "\\data\\\nngram 1=2\n\\1-grams:\nnan </s>\n-1 <unk>\n\\end\\\n", "\\data\\\nngram 1=x\n\\end\\\n",
        "\\data\\\nngram 1=2\n\\1-grams:\n-1 </s> a b\n-1 <unk>\n\\end\\\n",
    ],
)  # fmt: skip
def test_broken_files_are_refused(text, tmp_path):
    (tmp_path / "m.arpa").write_text(text)
    with pytest.raises(el.FileError, match="m.arpa: is not a language model in ARPA's format"):
        NGram.load(tmp_path / "m.arpa")


@pytest.mark.parametrize(
    "error, message, make",
    [
        (ValueError, "order must be at least 1", lambda: NGram.train(SENTENCES, order=0)),
        (
            ValueError,
            "smoothing must be 'kneser_ney' or 'stupid_backoff'",
            lambda: NGram.train(SENTENCES, smoothing="x"),
        ),
        (TypeError, "got the str 'the cat'", lambda: NGram.train(["the cat"])),
        (ValueError, "there are no sequences", lambda: NGram.train([])),
        (ValueError, "must hold", lambda: NGram(1, {("a",): 0.0}, {})),
    ],
)
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
