"""Metrics on whole sequences: what a decoder made of a row against what it should be.

``metric.update(y_pred, y_true, lengths)`` takes for `y_pred` what a model gives, logits (B, T, C); or sequences: a
list of B rows of labels or of B texts, as a decoder gives them. ``y_true`` are labels (B, S), of which a row ends
before its first negative one, or a list of B rows or texts.

>>> cer = el.metrics.CER(el.ctc.greedy_decode, to_text=letters.decode)          # letters: a CharacterTokenizer
>>> wer = el.metrics.WER(el.decoding.CTCDecoder(lexicon=lexicon), to_text=letters.decode)
>>> model.fit(x, y, loss="ctc", ..., metrics=[cer], validation_data=validation,
...           callbacks=[el.early_stopping(monitor="val_cer")])
>>> model.evaluate(*test, metrics=[cer, wer])
>>> el.metrics.measure("wer", ["the cat sat"], ["the cats sat"])
0.3333333333333333

What the model gives is what decides: a model that is taught with the right word before each one is scored as such by
a metric in `fit`. To score what it says by itself, let a callback put the number into the logs, which early stopping
reads as well:

>>> def bleu(run):
...     said = [vocabulary.decode(row) for row in translate(run.model, sources)]
...     run.logs["val_bleu"] = el.metrics.measure("bleu", targets, said)
>>> model.fit(..., callbacks=[bleu, el.early_stopping(monitor="val_bleu", mode="max")])
"""

import math

import numpy as np


class SequenceMetric:
    """What metrics on whole sequences share.

    Parameters
    ----------
    decode : callable ``decode(y_pred, lengths) -> list of B rows``
        Makes labels, words or texts of what the model gives: `eigenlstm.ctc.greedy_decode`, an
        `eigenlstm.decoding.CTCDecoder`, the Viterbi search of a CRF. None: the likeliest class of each step.
    to_text : callable ``to_text(labels) -> str``
        Makes text of a row of labels, such as the `decode` of a tokenizer.
    end : int
        A label that ends a row, prediction and target alike.
    per_step : bool
        Whether `y_true` has a label for each step, so that `lengths` are its lengths, too; negative ones are then
        left out with what was predicted there. Default: yes where `y_pred` are logits and there is no `decode`.

    Notes
    -----
    `sample_weight` is (B,): a row counts as often. With a label for each step it may be (B, T): steps that weigh 0 are
    left out, the others of a row must weigh the same.
    """

    name = None

    def __init__(self, decode=None, to_text=None, *, end=None, per_step=None):
        where = type(self).__name__
        for name, value in (("decode", decode), ("to_text", to_text)):
            if value is not None and not callable(value):
                raise TypeError(f"{where}: {name} must be a function, got {value!r}")
        self.decode, self.to_text, self.end = decode, to_text, end
        self.per_step = per_step if per_step is None else bool(per_step)
        self.reset()

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        """Add a batch."""
        per_step = self.decode is None and _are_logits(y_pred) if self.per_step is None else self.per_step
        predicted = self._predicted(y_pred, lengths)
        true = _rows(y_true, f"{self.name}: y_true")
        if len(predicted) != len(true):
            raise ValueError(f"{self.name}: y_true must have as many rows as y_pred, {len(predicted)}, got {len(true)}")
        weights = None if sample_weight is None else self._weights(sample_weight, len(true), per_step)
        for i, pair in enumerate(zip(predicted, true)):
            weight, counted = 1.0, None
            length = None if lengths is None else int(lengths[i])
            if weights is not None:
                weight, counted = self._row_weight(weights[i, :length])
            if weight == 0:
                continue
            if per_step:
                pair = self._aligned(*pair, length, counted)
            pair = (self._ended(row) if isinstance(row, np.ndarray) else row for row in pair)
            self._add(*pair, weight)

    def _predicted(self, y_pred, lengths):
        if self.decode is not None:
            return _rows(self.decode(y_pred, lengths), f"{self.name}: what decode gives")
        if _are_logits(y_pred):
            if y_pred.ndim != 3:
                raise ValueError(f"{self.name}: y_pred must be logits (B, T, C) or sequences, got shape {y_pred.shape}")
            labels = y_pred.argmax(axis=2)
            return list(labels) if lengths is None else [row[:length] for row, length in zip(labels, lengths)]
        return _rows(y_pred, f"{self.name}: y_pred")

    def _weights(self, sample_weight, rows, per_step):
        """Weights as an array (B, 1), or (B, T) where there is a target for each step."""
        weights = np.asarray(sample_weight, np.float64)
        if weights.shape[:1] != (rows,) or weights.ndim != 1 and not (per_step and weights.ndim == 2):
            raise ValueError(
                f"{self.name}: sample_weight must have shape ({rows},), a weight for each sequence, got {weights.shape}"
            )
        return weights.reshape(rows, -1)

    def _row_weight(self, weights):
        """The weight of a row, and which of its steps have it (None: all)."""
        weight = float(weights.max(initial=0.0))
        if not np.isin(weights, (0.0, weight)).all():
            raise ValueError(f"{self.name}: the steps of a sequence must weigh the same, or 0, got {weights}")
        return weight, weights > 0 if len(weights) > 1 else None

    def _aligned(self, predicted, true, length, counted):
        """Both rows up to `length`, without the steps that weigh 0 or whose target is negative."""
        if not (isinstance(true, np.ndarray) and isinstance(predicted, np.ndarray)):
            return predicted, true
        true = true[:length]
        if len(predicted) < len(true) or length is None and len(predicted) > len(true):
            raise ValueError(
                f"{self.name}: y_true must have a label for each of {len(predicted)} steps, got {len(true)}"
            )
        counted = true >= 0 if counted is None else (true >= 0) & counted
        return predicted[: len(true)][counted], true[counted]

    def _ended(self, labels):
        """A row of labels before its first negative one, or the end."""
        stops = np.flatnonzero((labels < 0) if self.end is None else (labels < 0) | (labels == self.end))
        return labels[: stops[0]] if len(stops) else labels

    def _text(self, row):
        """A row as text."""
        if isinstance(row, str):
            return row
        if isinstance(row, np.ndarray):
            if self.to_text is None:
                raise ValueError(f"{self.name}: labels are no text: to_text must be given")
            return self.to_text(row)
        return " ".join(row)


class _ErrorRate(SequenceMetric):
    """Errors over units of the references; `_units` makes them of a row."""

    def reset(self):
        self._errors = self._total = 0.0

    def _add(self, predicted, true, weight):
        if self.to_text is None and isinstance(predicted, np.ndarray) != isinstance(true, np.ndarray):
            raise ValueError(
                f"{self.name}: one of prediction and target is labels, the other text: to_text must be given"
            )
        predicted, true = self._units(predicted), self._units(true)
        self._errors += weight * edit_distance(predicted, true)
        self._total += weight * len(true)

    def result(self):
        return self._errors / self._total if self._total else math.nan


class WER(_ErrorRate):
    """Word error rate: insertions, deletions and substitutions over the words of the references, of all rows.

    >>> wer = WER()
    >>> wer.update(["the cat", "a mat"], ["the cat sat", "a mat"])
    >>> wer.result()
    0.2

    Words are what spaces separate in a text; without `to_text` each label is a word.
    """

    name = "wer"

    def _units(self, row):
        if isinstance(row, list) or isinstance(row, np.ndarray) and self.to_text is None:
            return row
        return self._text(row).split()


class CER(_ErrorRate):
    """Character error rate: as `WER`, of the characters of a text, or of labels without `to_text`.

    >>> cer = CER(el.ctc.greedy_decode)
    >>> logits = np.eye(3)[[[1, 1, 0, 2]]]                      # frames of which class 0 is the blank
    >>> cer.update(logits, np.array([[1, 2, 2]]))
    >>> cer.result()
    0.3333333333333333
    """

    name = "cer"

    def _units(self, row):
        return row if isinstance(row, np.ndarray) and self.to_text is None else list(self._text(row))


class ExactMatch(SequenceMetric):
    """Share of rows that are wholly right.

    >>> exact = ExactMatch()
    >>> exact.update([[1, 2], [3]], [[1, 2], [4]])
    >>> exact.result()
    0.5
    """

    name = "exact"

    def reset(self):
        self._right = self._total = 0.0

    def _add(self, predicted, true, weight):
        if self.to_text is not None:
            predicted, true = self._text(predicted), self._text(true)
        self._right += weight * (len(predicted) == len(true) and list(predicted) == list(true))
        self._total += weight

    def result(self):
        return self._right / self._total if self._total else math.nan


def edit_distance(a, b):
    """Fewest insertions, deletions and substitutions that make `a` into `b`: Levenshtein 1966.

    >>> edit_distance("kitten", "sitting")
    3
    """
    ids = {}
    a, b = (np.array([ids.setdefault(unit, len(ids)) for unit in units], np.int64) for units in (_plain(a), _plain(b)))
    steps = np.arange(len(b) + 1)
    row = steps
    for i, unit in enumerate(a, 1):
        best = np.empty_like(row)
        best[0] = i
        np.minimum(row[1:] + 1, row[:-1] + (b != unit), out=best[1:])
        row = np.minimum.accumulate(best - steps) + steps  # then insertions, one after the other
    return int(row[-1])


def _are_logits(values):
    return isinstance(values, np.ndarray) and values.dtype.kind == "f"


def _plain(units):
    return units.tolist() if isinstance(units, np.ndarray) else units


def _rows(values, what):
    """Rows as a list of int64 arrays, texts, or lists of words (or of texts, where there are several references)."""
    rows = []
    for i, row in enumerate(values):
        if isinstance(row, (str, np.str_)):
            rows.append(str(row))
        elif isinstance(row, (list, tuple)) and row and all(isinstance(word, str) for word in row):
            rows.append(list(row))
        else:
            labels = np.asarray(row)
            if labels.ndim != 1 or labels.dtype.kind not in "iu" and labels.size:
                raise ValueError(
                    f"{what} must be rows of integer labels or texts, row {i} has {labels.dtype} {labels.shape}"
                )
            rows.append(labels.astype(np.int64))
    return rows
