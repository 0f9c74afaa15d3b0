"""F1 of spans: names, dates, parts of an address, found in tags such as B-PER I-PER O."""

import math
from collections import Counter

import numpy as np

from .metrics_sequences import SequenceMetric

SCHEMES = ("IOB1", "IOB2", "IOBES", "conlleval")


class SpanF1(SequenceMetric):
    """Harmonic mean of precision and recall of spans, which are right where kind, first and last step are.

    >>> f1 = SpanF1(["O", "B-PER", "I-PER"])
    >>> f1.update(np.array([[1, 2, 0, 1]]), np.array([[1, 2, 0, 0]]))
    >>> f1.precision, f1.recall, f1.result()
    (0.5, 1.0, 0.6666666666666666)

    The numbers are those of seqeval: its strict mode with the scheme that is named; "conlleval" is its default mode.
    0 where there are spans neither in targets nor in predictions.

    Parameters
    ----------
    tags : sequence of str, or Vocabulary
        The tag of each label: "O", or a prefix, "-" and the kind of span.
    scheme : "IOB2", "IOB1", "IOBES" or "conlleval"
        IOB2: every span begins with B. IOB1: B only where a span of the same kind ends just before. IOBES: spans of
        one step are S, longer ones B, I …, E. Tags that the scheme does not allow there make no span. "conlleval", of
        any of these: a span goes on until the kind changes or a tag begins or ended one.
    average : "micro" or "macro"
        Of all spans together, or the mean over kinds that occur.
    decode : callable
        As in `SequenceMetric`; the Viterbi search of a CRF.
    """

    name = "span_f1"

    def __init__(self, tags, scheme="IOB2", *, average="micro", decode=None):
        self.tags = tuple(getattr(tags, "tokens", tags))
        if scheme not in SCHEMES:
            raise ValueError(f"SpanF1: scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}")
        if average not in ("micro", "macro"):
            raise ValueError(f"SpanF1: average must be 'micro' or 'macro', got {average!r}")
        self.scheme, self.average = scheme, average
        for tag in self.tags:
            _split(tag, scheme)
        super().__init__(decode, per_step=True)

    def reset(self):
        self._right_spans, self._found_spans, self._true_spans, self._seen = Counter(), Counter(), Counter(), False

    def _add(self, predicted, true, weight):
        if len(predicted) != len(true):
            raise ValueError(
                f"span_f1: a row must have a label for each of its {len(true)} steps, got {len(predicted)}"
            )
        predicted, true = (set(spans(self._names(row), self.scheme)) for row in (predicted, true))
        for counts, found in (
            (self._right_spans, predicted & true),
            (self._found_spans, predicted),
            (self._true_spans, true),
        ):
            for kind, _, _ in found:
                counts[kind] += weight
        self._seen = True

    def _names(self, row):
        if not isinstance(row, np.ndarray):
            return row
        if row.size and row.max() >= len(self.tags):
            raise ValueError(f"span_f1: labels must be below the {len(self.tags)} tags, got {row.max()}")
        return [self.tags[label] for label in row.tolist()]

    def _averaged(self, score):
        """`score(hits, predicted, true)` of all, or its mean over kinds."""
        kinds = self._found_spans | self._true_spans
        if not self._seen:
            return math.nan
        if self.average == "micro":
            return score(self._right_spans.total(), self._found_spans.total(), self._true_spans.total())
        each = [
            score(self._right_spans[kind], self._found_spans[kind], self._true_spans[kind]) for kind in sorted(kinds)
        ]
        return sum(each) / len(each) if each else 0.0

    @property
    def precision(self):
        """Share of right spans among those predicted."""
        return self._averaged(lambda hits, predicted, true: hits / predicted if predicted else 0.0)

    @property
    def recall(self):
        """Share of the true spans that were found."""
        return self._averaged(lambda hits, predicted, true: hits / true if true else 0.0)

    def result(self):
        return self._averaged(lambda hits, predicted, true: 2 * hits / (predicted + true) if predicted + true else 0.0)


def spans(tags, scheme="IOB2"):
    """The spans in a row of tags, as a list of ``(kind, start, stop)``.

    >>> spans(["B-PER", "I-PER", "O", "B-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4)]

    `scheme` as in `SpanF1`.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"spans: scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}")
    pairs = [_split(tag, scheme) for tag in tags] + [("O", "")]
    if scheme == "conlleval":
        return _lenient(pairs)
    found, i, before = [], 0, ("O", "")
    while i < len(pairs):
        if not _begins(scheme, before, pairs[i]):
            before, i = pairs[i], i + 1
            continue
        stop = i + 1
        while _goes_on(scheme, pairs[stop - 1], pairs[stop]):
            stop += 1
        if _ends(scheme, pairs[stop - 1], pairs[stop]):
            found.append((pairs[i][1], i, stop))
        before, i = pairs[stop - 1], stop
    return found


_PREFIXES = {"IOB1": "IOB", "IOB2": "IOB", "IOBES": "IOBES", "conlleval": "IOBES"}


def _split(tag, scheme):
    """Prefix and kind of a tag."""
    prefix, dash, kind = tag.partition("-")
    if prefix not in tuple(_PREFIXES[scheme]) or (dash == "") != (kind == "") or prefix == "O" and kind:
        prefixes = ", ".join(_PREFIXES[scheme].replace("O", ""))
        raise ValueError(f"spans: tags of {scheme} must be O, or {prefixes} with - and a kind, got {tag!r}")
    return prefix, kind or "_" * (prefix != "O")


def _begins(scheme, before, tag):
    """Whether a span may begin with `tag` after `before`."""
    if scheme == "IOB1":
        return tag[0] == "I" or tag[0] == "B" and before[0] != "O" and before[1] == tag[1]
    return tag[0] in "BS"


def _goes_on(scheme, before, tag):
    """Whether `tag` belongs to the span that has `before`."""
    inside = tag[0] in ("IE" if scheme == "IOBES" else "I")
    return inside and before[0] in "BI" and before[1] == tag[1]


def _ends(scheme, last, after):
    """Whether a span may have `last` as its last tag where `after` follows."""
    if scheme == "IOBES":
        return last[0] in "ES"
    # IOB1 has no B after a B of another kind: that B belongs to nothing, nor did the first
    return not (scheme == "IOB1" and last[0] == after[0] == "B" and last[1] != after[1])


def _lenient(pairs):
    """The spans as conlleval reads them: whatever the tags are, every run of them is one."""
    found, start, before = [], None, ("O", "")
    for i, (prefix, kind) in enumerate(pairs):
        new = prefix in "BS" or kind != before[1] or before[0] in "ES" or prefix == "O"
        if new and start is not None:
            found.append((before[1], start, i))
            start = None
        if new and prefix != "O":
            start = i
        before = prefix, kind
    return found
