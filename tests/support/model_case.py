"""Models that are no chain, and data for them."""

import numpy as np

import eigenlstm as el

V = 7  # words


def words(dtype="float32"):
    return el.Embedding(V, 3, dtype=dtype, seed=0)


def translator(dtype="float32", p=0.0):
    """An encoder and a decoder with one embedding for both, and a skip around the decoder."""
    embed, encoder, decoder = words(dtype), el.LSTM(3, 4, dtype=dtype, seed=1), el.LSTM(3, 4, dtype=dtype, seed=2)
    drop, output = el.Dropout(p), el.Linear(7, V, dtype=dtype, seed=3)
    concat = el.Concat()

    def translate(source, target):
        _, state = encoder(embed(source))
        before = embed(target)
        hidden, _ = decoder(drop(before), state)
        return output(concat(hidden, before))

    return el.Model(translate, source=el.Input((None,), "int64"), target=el.Input((None,), "int64"))


def tagger(dtype="float32"):
    """Two inputs that share their time: words and two numbers for each."""
    embed, lstm = words(dtype), el.LSTM(5, 4, bidirectional=True, dtype=dtype, seed=1)
    concat, output = el.Concat(), el.Linear(4, 3, dtype=dtype, seed=2)

    def tag(word, numbers):
        hidden, _ = lstm(concat(embed(word), numbers))
        return output(hidden[..., :4] * hidden[..., 4:] - 0.5)

    return el.Model(tag, word=el.Input(("T",), "int64"), numbers=el.Input(("T", 2)))


def sentences(n, seed=0, longest=6):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, V, rng.integers(1, longest + 1)) for _ in range(n)]


def pairs(n):
    """x and y of `translator`: what is to be said, and the same once more."""
    source, target = sentences(n), sentences(n, seed=1, longest=5)
    return {"source": source, "target": target}, [(row + 1) % V for row in target]


def tagged(n):
    """x and y of `tagger`."""
    word, rng = sentences(n), np.random.default_rng(2)
    numbers = [rng.standard_normal((len(row), 2)).astype("f") for row in word]
    return {"word": word, "numbers": numbers}, [row % 3 for row in word]
