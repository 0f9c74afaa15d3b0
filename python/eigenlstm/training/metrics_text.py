"""Metrics of translations: BLEU and chrF, as sacrebleu computes them."""

import math
import re
from collections import Counter

import numpy as np

from .metrics_sequences import SequenceMetric

# What mteval-v13a sets apart: signs but for ' , - . ; full stops and commas, but for those between digits; a dash
# after a digit.
_SIGNS = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("<skipped>", ""), ("-\n", ""), ("\n", " "), ("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


class _TextMetric(SequenceMetric):
    """Counts of all rows, added up; `_statistics(text, reference)` are those of a row.

    A row of `y_true` may be a list of several references.
    """

    def reset(self):
        self._sums = None

    def _add(self, predicted, true, weight):
        references = true if isinstance(true, list) else [self._text(true)]
        counts = weight * np.array(self._statistics(self._text(predicted), references), np.float64)
        self._sums = counts if self._sums is None else self._sums + counts

    def result(self):
        return math.nan if self._sums is None else self._score(self._sums)


class BLEU(_TextMetric):
    """BLEU of all rows together, 0 to 100: the share of n-grams of 1 to 4 words that also occur in the reference,
    less a penalty for brevity. Rows are texts, or ids (N, T) that `decode` turns into texts.

    >>> bleu = el.metrics.BLEU()
    >>> bleu.update(["the cat sat on the mat today"], ["the cat sat on the mat"])
    >>> round(bleu.result(), 2)
    80.91

    The numbers are those of ``sacrebleu.BLEU`` with the same options. Source: Papineni et al. 2002.

    Parameters
    ----------
    decode, to_text, end
        As in `SequenceMetric`.
    tokenize : "13a", "char" or "none"
        What words are: mteval-v13a's, characters, or what spaces separate.
    lowercase : bool
    smooth : "exp" or "none"
        What an n without a single hit counts as: half as much as the n before without one (NIST's), or 0.
    """

    name = "bleu"

    def __init__(self, decode=None, to_text=None, *, end=None, tokenize="13a", lowercase=False, smooth="exp"):
        if tokenize not in ("13a", "char", "none"):
            raise ValueError(f"BLEU: tokenize must be '13a', 'char' or 'none', got {tokenize!r}")
        if smooth not in ("exp", "none"):
            raise ValueError(f"BLEU: smooth must be 'exp' or 'none', got {smooth!r}")
        self.tokenize, self.lowercase, self.smooth = tokenize, bool(lowercase), smooth
        super().__init__(decode, to_text, end=end)

    def _words(self, text):
        text = text.lower() if self.lowercase else text
        text = text.rstrip()
        if self.tokenize == "13a":
            for entity, sign in _ENTITIES:
                text = text.replace(entity, sign)
            text = f" {text} "
            for pattern, apart in _SIGNS:
                text = pattern.sub(apart, text)
        return [c for c in text if not c.isspace()] if self.tokenize == "char" else text.split()

    def _statistics(self, text, references):
        """Hits of 1- to 4-grams, n-grams, and the lengths of the text and of the reference nearest in length."""
        words, references = self._words(text), [self._words(reference) for reference in references]
        hits = []
        for n in range(1, 5):
            most = Counter()
            for reference in references:
                most |= _grams(reference, n)
            hits.append((_grams(words, n) & most).total())
        nearest = min((len(reference) for reference in references), key=lambda n: (abs(n - len(words)), n))
        return [*hits, *(max(len(words) - n, 0) for n in range(4)), len(words), nearest]

    def _score(self, sums):
        hits, totals, (length, reference) = sums[:4], sums[4:8], sums[8:]
        if not hits.any() or not totals.all():
            return 0.0
        log_precision, half = 0.0, 1.0
        for hit, total in zip(hits, totals):
            if not hit and self.smooth == "none":
                return 0.0
            half = half if hit else half / 2
            log_precision += math.log(hit / total if hit else half / total) / 4
        return 100 * math.exp(log_precision + min(0.0, 1 - reference / length))


class CHRF(_TextMetric):
    """chrF of all rows together, 0 to 100: the F-score of n-grams of 1 to 6 characters, without spaces. Rows are texts,
    or ids (N, T) that `decode` turns into texts.

    >>> chrf = el.metrics.CHRF()
    >>> chrf.update(["the cat sat"], ["the cats sat"])
    >>> round(chrf.result(), 2)
    68.66

    The numbers are those of ``sacrebleu.CHRF`` with the same options. Source: Popović 2015; 2017 for chrF++.

    Parameters
    ----------
    decode, to_text, end
        As in `SequenceMetric`.
    word_order : int
        Also count n-grams of up to this many words; 2 is chrF++.
    beta : float
        How many times as much recall counts as precision.
    lowercase : bool
    """

    name = "chrf"
    _char_order = 6

    def __init__(self, decode=None, to_text=None, *, end=None, word_order=0, beta=2.0, lowercase=False):
        if isinstance(word_order, bool) or not isinstance(word_order, int) or word_order < 0:
            raise ValueError(f"CHRF: word_order must be an integer of at least 0, got {word_order!r}")
        if not beta > 0:
            raise ValueError(f"CHRF: beta must be positive, got {beta!r}")
        self.word_order, self.beta, self.lowercase = word_order, float(beta), bool(lowercase)
        super().__init__(decode, to_text, end=end)

    def _statistics(self, text, references):
        """For each n-gram order: n-grams of the text, of the reference, hits; those of the best reference."""
        grams = self._orders(text)
        each = [np.array([(mine.total() if theirs else 0, theirs.total(), (mine & theirs).total())
                          for mine, theirs in zip(grams, self._orders(reference))]).reshape(-1)
                for reference in references]  # fmt: skip
        return max(each, key=self._score)

    def _orders(self, text):
        text = text.lower() if self.lowercase else text
        characters = "".join(text.split())
        words = [part for word in text.split() for part in _without_punctuation(word)]
        return [_grams(characters, n) for n in range(1, self._char_order + 1)] + [
            _grams(words, n) for n in range(1, self.word_order + 1)
        ]

    def _score(self, sums):
        mine, theirs, hits = sums.reshape(-1, 3).T
        occur = (mine > 0) & (theirs > 0)
        if not occur.any():
            return 0.0
        precision, recall = np.mean(hits[occur] / mine[occur]), np.mean(hits[occur] / theirs[occur])
        factor = self.beta**2
        return (
            float(100 * (1 + factor) * precision * recall / (factor * precision + recall))
            if precision + recall
            else 0.0
        )


def _grams(units, n):
    """How often each n-gram occurs."""
    return Counter(tuple(units[i : i + n]) for i in range(len(units) - n + 1))


_PUNCTUATION = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _without_punctuation(word):
    """A word and the sign behind it, or else before it, as chrF++ has words."""
    if len(word) > 1 and word[-1] in _PUNCTUATION:
        return word[:-1], word[-1]
    if len(word) > 1 and word[0] in _PUNCTUATION:
        return word[0], word[1:]
    return (word,)
