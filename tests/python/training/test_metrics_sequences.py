"""Metrics on whole sequences: against sacrebleu and seqeval, by their definitions, in fit and early stopping."""

import doctest
import functools
import math

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.training import metrics, metrics_classes, metrics_errors, metrics_sequences, metrics_spans, metrics_text

RNG = np.random.default_rng(0)
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat,",
    "(today)",
    "3.5",
    "1,000",
    "well-known",
    '"yes"',
    "it's",
    "&amp;",
    "é",
    "x-2",
    "!",
    "U.S.",
]


def sentences(count, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(0, 14))) for _ in range(count)]


def disturbed(texts, seed):
    """Texts with words left out, doubled and changed."""
    rng = np.random.default_rng(seed)
    out = []
    for text in texts:
        words = []
        for word in text.split():
            words += {0: [], 1: [word, word], 2: [str(rng.choice(WORDS))]}.get(int(rng.integers(0, 9)), [word])
        out.append(" ".join(words))
    return out


@pytest.mark.parametrize("module", [metrics_text, metrics_spans, metrics_errors, metrics_classes])
def test_the_examples_of_the_docstrings_are_true(module):
    assert doctest.testmod(module, extraglobs={"el": el}).failed == 0


def test_the_examples_of_sequence_metrics_are_true():
    """Those of the module itself need a model; they are in the guides."""
    runner, finder = doctest.DocTestRunner(), doctest.DocTestFinder()
    for metric in (metrics.WER, metrics.CER, metrics.ExactMatch, metrics.edit_distance):
        for example in finder.find(metric, globs={**vars(metrics_sequences), "el": el}):
            assert runner.run(example).failed == 0


def in_batches(metric, y_pred, y_true, size=7):
    metric.reset()
    for i in range(0, len(y_true), size):
        metric.update(y_pred[i : i + size], y_true[i : i + size])
    return metric.result()


# -- BLEU and chrF ------------------------------------------------------------------------------

CASES = {
    "alike": (disturbed(sentences(40, 0), 1), sentences(40, 0)),
    "unlike": (sentences(40, 2), sentences(40, 3)),
    "short": (["the", "", "cat sat", "a"], ["the cat", "a", "", ""]),
    "empty": (["", ""], ["the cat", "a"]),
    "nothing right": (["x y", "z"], ["the cat", "a"]),
    "no four words": (["the cat sat", "a mat"], ["the cat sat", "a mat"]),
    "one hit": (["the dog ran home fast"], ["the cat sat on a mat"]),
    "signs": (["a-b, c. 3,4 5-6 x's -\ny &quot;q&quot; <skipped>.  "], ['a-b , c . 3,4 5-6 x \'s y "q" .']),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "options", [{}, {"tokenize": "none"}, {"tokenize": "char"}, {"lowercase": True}, {"smooth": "none"}]
)
def test_bleu_is_sacrebleu_s(case, options):
    sacrebleu = pytest.importorskip("sacrebleu", reason="the oracle")
    said, right = CASES[case]
    theirs = {"smooth_method" if name == "smooth" else name: value for name, value in options.items()}
    expected = sacrebleu.BLEU(**theirs).corpus_score(said, [right]).score
    assert in_batches(metrics.BLEU(**options), said, right) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("options", [{}, {"word_order": 2}, {"beta": 1}, {"lowercase": True}])
def test_chrf_is_sacrebleu_s(case, options):
    sacrebleu = pytest.importorskip("sacrebleu", reason="the oracle")
    said, right = CASES[case]
    expected = sacrebleu.CHRF(**options).corpus_score(said, [right]).score
    assert in_batches(metrics.CHRF(**options), said, right) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("ours, theirs", [(metrics.BLEU, "BLEU"), (metrics.CHRF, "CHRF")])
def test_several_references(ours, theirs):
    sacrebleu = pytest.importorskip("sacrebleu", reason="the oracle")
    said, first, second = disturbed(sentences(30, 4), 5), sentences(30, 4), disturbed(sentences(30, 4), 6)
    expected = getattr(sacrebleu, theirs)().corpus_score(said, [first, second]).score
    assert in_batches(ours(), said, [list(pair) for pair in zip(first, second)]) == pytest.approx(expected, rel=1e-12)


# -- error rates --------------------------------------------------------------------------------


def levenshtein(a, b):
    """By its recursive definition."""

    @functools.cache
    def distance(i, j):
        if not i or not j:
            return i + j
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return distance(len(a), len(b))


@pytest.mark.parametrize("seed", range(20))
def test_edit_distance_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 12))) for _ in range(2))
    assert metrics.edit_distance(a, b) == levenshtein(a, b) == metrics.edit_distance(b, a)


def test_error_rates_are_errors_over_units_of_all_rows():
    said, right = disturbed(sentences(30, 7), 8), sentences(30, 7)
    pairs = list(zip(said, right))
    words = sum(levenshtein(a.split(), b.split()) for a, b in pairs) / sum(len(b.split()) for b in right)
    letters = sum(levenshtein(a, b) for a, b in pairs) / sum(map(len, right))
    assert in_batches(metrics.get("wer"), said, right) == pytest.approx(words, rel=1e-12)
    assert in_batches(metrics.get("cer"), said, right) == pytest.approx(letters, rel=1e-12)
    assert in_batches(metrics.get("exact"), said, right) == pytest.approx(np.mean([a == b for a, b in pairs]))
    assert metrics.measure("wer", ["a b", ""], ["a", "b c"]) == 1.5


def test_rows_count_as_often_as_their_weight():
    said, right, weight = ["a b", "c", "d e f"], ["a x", "c", "d"], np.array([2, 0, 1])
    for name in ("wer", "cer", "exact", "bleu", "chrf"):
        weighted, repeated = metrics.get(name), metrics.get(name)
        weighted.update(said, right, sample_weight=weight)
        repeated.update([said[0], said[0], said[2]], [right[0], right[0], right[2]])
        assert weighted.result() == pytest.approx(repeated.result(), rel=1e-12)


def test_ctc_labels_words_and_texts():
    """The same rows as labels, as texts and as the words of a lexicon give the same rates."""
    letters = el.text.CharacterTokenizer.train(["one two", "two"], padding="<blank>", unknown=None)
    right = np.array([[*letters.encode("two"), -1, -1, -1, -1], letters.encode("one two")])
    logits = np.full((2, 16, len(letters.vocabulary)), -9.0)
    for row, text in zip(logits, ["two", "one tow"]):
        row[:, 0] = 0
        row[1 : 2 * len(text) : 2][np.arange(len(text)), letters.encode(text)] = 9
    lengths, decode = np.array([16, 16]), el.ctc.greedy_decode
    by_text = metrics.WER(decode, to_text=letters.decode)
    by_text.update(logits, right, lengths)
    assert by_text.result() == pytest.approx(1 / 3)
    for cer in (metrics.CER(decode), metrics.CER(decode, to_text=letters.decode)):
        cer.update(logits, right, lengths)
        assert cer.result() == pytest.approx(2 / 10)
    space = letters.vocabulary.id(" ")
    lexicon = el.decoding.Lexicon({word: letters.encode(word) for word in ("one", "two")}, separator=space)
    by_word = metrics.WER(el.decoding.CTCDecoder(lexicon=lexicon), to_text=letters.decode)
    by_word.update(logits, right, lengths)
    assert by_word.result() == 0


def test_logits_of_a_decoder_that_is_taught():
    """One label a step: what follows the end is nothing, what is padding neither."""
    y_true = np.array([[4, 5, 1, -1], [3, 1, -1, -1]])
    logits = np.eye(6)[[[4, 4, 1, 2], [3, 1, 4, 4]]]
    wer, cer = metrics.WER(end=1), metrics.WER()
    for metric in (wer, cer):
        metric.update(logits, y_true)
    assert wer.result() == pytest.approx(1 / 3) and cer.result() == pytest.approx(1 / 5)
    wer.reset()
    wer.update(logits, y_true, np.array([2, 4]))
    assert wer.result() == pytest.approx(1 / 3)
    exact = metrics.ExactMatch()
    exact.update(logits, y_true)
    assert exact.result() == 0.5


# -- spans --------------------------------------------------------------------------------------

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "E-PER", "S-PER", "E-LOC", "S-LOC"]


def random_tags(count, seed, prefixes):
    rng = np.random.default_rng(seed)
    allowed = [i for i, tag in enumerate(TAGS) if tag[0] in prefixes]
    return [rng.choice(allowed, rng.integers(1, 12)) for _ in range(count)]


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize(
    "scheme, prefixes",
    [("IOB2", "IOB"), ("IOB1", "IOB"), ("IOBES", "IOBES"), ("conlleval", "IOBES"), ("conlleval", "IOB")],
)
@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.UndefinedMetricWarning"
    if __import__("importlib").util.find_spec("sklearn")
    else "ignore"
)
def test_span_f1_is_seqeval_s(scheme, prefixes, average):
    """Tags at random, most of them against the scheme."""
    seqeval = pytest.importorskip("seqeval.metrics", reason="the oracle")
    import seqeval.scheme as schemes

    options = {} if scheme == "conlleval" else {"mode": "strict", "scheme": getattr(schemes, scheme)}
    for seed in range(60):
        true = random_tags(5, seed, prefixes)
        rng = np.random.default_rng(seed + 1000)
        said = [np.where(rng.random(len(row)) < 0.3, rng.permutation(row), row) for row in true]
        names = [[[TAGS[label] for label in row] for row in rows] for rows in (true, said)]
        f1 = metrics.SpanF1(TAGS if "E" in prefixes else TAGS[:5], scheme, average=average)
        assert in_batches(f1, said, true, size=2) == pytest.approx(
            seqeval.f1_score(*names, average=average, **options), rel=1e-12
        )
        assert f1.precision == pytest.approx(seqeval.precision_score(*names, average=average, **options), rel=1e-12)
        assert f1.recall == pytest.approx(seqeval.recall_score(*names, average=average, **options), rel=1e-12)


@pytest.mark.parametrize(
    "scheme, tags, expected",
    [
        ("IOB2", "B-X I-X B-X O I-X B-Y I-X", [("X", 0, 2), ("X", 2, 3), ("Y", 5, 6)]),
        ("IOB1", "I-X I-X B-X O I-X I-Y", [("X", 0, 2), ("X", 2, 3), ("X", 4, 5), ("Y", 5, 6)]),
        ("IOBES", "B-X I-X E-X S-Y B-X O E-X", [("X", 0, 3), ("Y", 3, 4)]),
        (
            "conlleval",
            "I-X I-X E-X S-Y I-Y B-X O E-X",
            [("X", 0, 3), ("Y", 3, 4), ("Y", 4, 5), ("X", 5, 6), ("X", 7, 8)],
        ),
    ],
)
def test_spans(scheme, tags, expected):
    assert metrics.spans(tags.split(), scheme) == expected


def test_span_f1_of_logits_with_lengths_and_ignored_steps():
    tags = TAGS[:5]
    true = np.array([[1, 2, 0, 3], [3, -100, 4, 1]])
    said = np.array([[1, 2, 0, 0], [3, 0, 4, 1]])  # the ignored step is left out: LOC goes on
    f1 = metrics.SpanF1(tags)
    f1.update(np.eye(5)[said], true)
    assert (f1.precision, f1.recall, f1.result()) == (1.0, 0.75, pytest.approx(6 / 7))
    f1.reset()
    f1.update(np.eye(5)[said], true, np.array([2, 3]))
    assert f1.result() == 1.0
    crf = metrics.SpanF1(tags, decode=lambda y, lengths: [row[:n] for row, n in zip(said, lengths)])
    crf.update(np.zeros((2, 4, 5)), true, np.array([3, 4]))
    assert crf.result() == 1.0 and metrics.SpanF1(el.text.Vocabulary(tags, padding=None, unknown=None)).tags == tuple(
        tags
    )
    f1.reset()
    f1.update([["O", "O"]], [["O", "O"]])
    assert f1.result() == 0.0


def test_steps_without_weight_are_left_out():
    said, true = np.array([[1, 2, 0, 3], [3, 0, 4, 1]]), np.array([[1, 2, 0, 0], [3, 1, 4, 1]])
    weight = np.array([[2.0, 2, 2, 0], [1, 0, 1, 1]])
    f1 = metrics.SpanF1(TAGS[:5])
    f1.update(np.eye(5)[said], true, None, weight)
    assert f1.result() == 1.0 and f1._true_spans == {"PER": 3.0, "LOC": 1.0}
    exact = metrics.ExactMatch()
    exact.update(np.eye(5)[said], true, np.array([4, 2]), weight)
    assert exact.result() == 1.0
    with pytest.raises(ValueError, match="the steps of a sequence must weigh the same, or 0"):
        exact.update(np.eye(5)[said], true, None, np.array([[1, 2, 3, 4], [1, 1, 1, 1]]))


# -- in fit -------------------------------------------------------------------------------------


def test_fit_and_early_stopping_on_whole_sequences():
    """Digits as CTC labels: the character error rate of the training and of the validation data."""
    rng = np.random.default_rng(0)
    x, y = [], []
    for _ in range(96):
        labels = rng.integers(1, 4, rng.integers(1, 4))
        frames = np.repeat(np.eye(4)[np.stack([labels, np.zeros_like(labels)], 1).reshape(-1)], 3, axis=0)
        x.append((frames + 0.1 * rng.standard_normal(frames.shape)).astype(np.float32))
        y.append(labels)
    model = el.Sequential([el.LSTM(4, 16, seed=0), el.Linear(16, 4, seed=1)])
    stop = el.early_stopping(monitor="val_cer", patience=8)
    cer, exact = metrics.CER(el.ctc.greedy_decode), metrics.ExactMatch(el.ctc.greedy_decode)
    history = model.fit(
        x[:64],
        y[:64],
        loss=el.losses.CTC(),
        optimizer=el.Adam(2e-2),
        epochs=30,
        batch_size=16,
        # Fmt: skip
        metrics=[cer, exact],
        validation_data=(x[64:], y[64:]),
        callbacks=[stop],
        seed=0,
        verbose=0,
    )
    assert history[0]["val_cer"] > 0.3 and stop.best == min(epoch["val_cer"] for epoch in history) < 0.1
    said = el.ctc.greedy_decode(model.predict(x[64:]))
    by_hand = sum(levenshtein(tuple(a), tuple(b)) for a, b in zip(said, y[64:])) / sum(map(len, y[64:]))
    assert model.evaluate(x[64:], y[64:], batch_size=5)["cer"] == pytest.approx(by_hand) == pytest.approx(stop.best)
    assert model.evaluate(x[64:], y[64:])["exact"] == np.mean([list(a) == list(b) for a, b in zip(said, y[64:])])


def test_nothing_seen_is_nan():
    for name in ("wer", "cer", "exact", "bleu", "chrf"):
        assert math.isnan(metrics.get(name).result())
    assert math.isnan(metrics.SpanF1(["O"]).result())


@pytest.mark.parametrize(
    "error, message, make",
    [
        (ValueError, "scheme must be one of IOB1", lambda: metrics.SpanF1(["O"], "BILOU")),
        (ValueError, "average must be 'micro' or 'macro'", lambda: metrics.SpanF1(["O"], average="x")),
        (ValueError, "tags of IOB2 must be O, or .* got 'E-PER'", lambda: metrics.SpanF1(TAGS)),
        (ValueError, "got 'person'", lambda: metrics.SpanF1(["O", "person"])),
        (ValueError, "span_f1: labels must be below the 2 tags, got 2",
         lambda: metrics.measure(metrics.SpanF1(["O", "B-X"]), np.array([[0]]), np.array([[2]]))),
        (ValueError, "must have a label for each of 3 steps, got 2",
         lambda: metrics.measure(metrics.SpanF1(["O", "B-X"]), np.array([[1, 0]]), np.array([[1, 0, 0]]))),
        (TypeError, "WER: decode must be a function", lambda: metrics.WER("greedy")),
        (ValueError, "wer: y_true must have as many rows as y_pred, 2, got 1", lambda: metrics.measure("wer", ["a"], ["a", "b"])),
        (ValueError, "wer: one of prediction and target is labels", lambda: metrics.measure("wer", ["a"], [[1]])),
        (ValueError, "bleu: labels are no text: to_text must be given", lambda: metrics.measure("bleu", [[1]], [[1]])),
        (ValueError, r"wer: y_pred must be logits \(B, T, C\)", lambda: metrics.measure("wer", [[1]], np.zeros((1, 2)))),
        (ValueError, "wer: y_true must be rows of integer labels or texts, row 0", lambda: metrics.measure("wer", [[0.5]], [[1]])),
        (ValueError, r"sample_weight must have shape \(1,\)", lambda: metrics.WER().update(["a"], ["a"], None, np.ones((1, 3)))),
        (ValueError, "tokenize must be '13a'", lambda: metrics.BLEU(tokenize="intl")),
        (ValueError, "smooth must be 'exp' or 'none'", lambda: metrics.BLEU(smooth="floor")),
        (ValueError, "word_order must be an integer", lambda: metrics.CHRF(word_order=-1)),
    ],
)  # fmt: skip
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
