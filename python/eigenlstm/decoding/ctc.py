"""CTC decoding with a lexicon and a language model, of whole recordings or frame by frame."""

import math
import weakref
from typing import NamedTuple

import numpy as np

from ..checks import as_floats, number, positive_int
from ..losses import ctc
from .lexicon import Lexicon
from .states import log_probabilities, token_id

_MINUS_INFINITY = -math.inf


class CTCHypothesis(NamedTuple):
    """What a decoder found: int64 `labels`, the `words` they spell (None without a lexicon), the `score` that the
    hypotheses are ordered by, and the log of the probability of the labels under the frames alone."""

    labels: np.ndarray
    words: list | None
    score: float
    log_probability: float


class CTCDecoder:
    """Prefix beam search over the frames of a model that was trained with `eigenlstm.losses.CTC`.

    A hypothesis scores ``log p(labels | frames) + lm_weight · log p(units) + bonus · (number of units)``, where the
    units are words with a lexicon, labels without. With a lexicon only its words are found.

    >>> decoder = CTCDecoder(lexicon=Lexicon({"one": [1, 2, 3], "two": [4, 5, 1]}, separator=6), beam_width=32)
    >>> decoder(logits, lengths)                               # the best of each row: lists of words
    [['one', 'two'], ['two']]
    >>> found = decoder.decode(logits, lengths)                # lists of `CTCHypothesis`
    >>> stream = decoder.stream()                              # or frame by frame
    >>> for frames in microphone:
    ...     stream.push(model_stream.step(frames))
    ...     stream.best().words
    >>> stream.finish()

    Parameters
    ----------
    blank : int
        The class that stands for no label.
    beam_width, num_results : int
        Hypotheses that are kept after each frame, and that `decode` gives for a row, at most `beam_width`.
    lexicon : Lexicon
    language_model : object with ``start``, ``score(state, unit) -> (log p, state)`` and ``finish(state) -> log p``
        Such as an `NGram` of words, or of labels where there is no lexicon. States must be hashable.
    lm_weight, bonus : float
        As above. A language model favours few units, which a positive `bonus` makes up for.
    threshold : float
        Hypotheses that score so much less than the best one after a frame are dropped.

    Notes
    -----
    Sources: Graves 2008 (section 7.5); Hannun, Maas, Jurafsky, Ng 2014 (the language model).
    """

    def __init__(
        self,
        *,
        blank=0,
        beam_width=16,
        num_results=1,
        lexicon=None,
        language_model=None,
        lm_weight=1.0,
        bonus=0.0,
        threshold=math.inf,
    ):
        where = "CTCDecoder"
        self.blank = token_id(blank, f"{where}: blank")
        self.beam_width = positive_int(beam_width, f"{where}: beam_width")
        self.num_results = positive_int(num_results, f"{where}: num_results")
        if self.num_results > self.beam_width:
            raise ValueError(f"{where}: num_results must be at most beam_width {beam_width}, got {num_results}")
        if lexicon is not None and not isinstance(lexicon, Lexicon):
            raise TypeError(f"{where}: lexicon must be a Lexicon, got {type(lexicon).__name__}")
        labels = {blank} if lexicon is None else lexicon.labels()
        if lexicon is not None and blank in labels:
            raise ValueError(f"{where}: the lexicon must not hold the blank {blank}")
        self._classes = max({blank, *labels}) + 1
        if language_model is not None and not all(
            hasattr(language_model, name) for name in ("start", "score", "finish")
        ):
            raise TypeError(f"{where}: language_model must have start, score and finish, got {language_model!r}")
        self.lexicon, self.language_model = lexicon, language_model
        self.lm_weight, self.bonus = number(lm_weight, f"{where}: lm_weight"), number(bonus, f"{where}: bonus")
        self.threshold = number(threshold, f"{where}: threshold")
        if not self.threshold > 0:
            raise ValueError(f"{where}: threshold must be positive, got {threshold!r}")

    def decode(self, logits, lengths=None):
        """The best hypotheses of each row, best first.

        Parameters
        ----------
        logits : array (B, T, C), or list of B arrays (T_i, C); float32 or float64
            May be −inf, not NaN.
        lengths : integers (B,) or None
            Frames of each row of an array.

        Returns
        -------
        list of B lists of `CTCHypothesis`
        """
        rows = ctc.rows_of(logits, lengths, self.blank, "CTCDecoder")
        if self.lexicon is None and self.language_model is None and not self.bonus and self.threshold == math.inf:
            found = ctc.beam_search(rows, blank=self.blank, beam_width=self.beam_width, num_results=self.num_results)
            return [[CTCHypothesis(labels, None, log_p, log_p) for labels, log_p in row] for row in found]
        return [self._decode_row(row) for row in rows]

    def __call__(self, logits, lengths=None):
        """The best of each row alone: its words with a lexicon, else its labels. `decode` of a metric."""
        best = [found[0] for found in self.decode(logits, lengths)]
        return [one.labels if one.words is None else one.words for one in best]

    def stream(self):
        """A `CTCStream`, which decodes frames as they come."""
        return CTCStream(self)

    def _decode_row(self, row):
        stream = self.stream()
        stream.push(row)
        return stream.finish()


class CTCStream:
    """Decodes one recording frame by frame; what `finish` gives does not depend on how the frames were cut."""

    def __init__(self, decoder):
        self._decoder = decoder
        lm = decoder.language_model
        root = _Prefix(
            None,
            None,
            None if decoder.lexicon is None else decoder.lexicon.root,
            None,
            None if lm is None else lm.start,
            0.0,
        )
        self._beam = [(root, 0.0, _MINUS_INFINITY)]

    def push(self, logits):
        """Take the next frames in, float (T, C) or, one frame, (C,)."""
        logits = as_floats(logits, "CTCStream.push", "logits")
        if logits.ndim == 1:
            logits = logits[None]
        if logits.ndim != 2 or logits.shape[1] < self._decoder._classes:
            raise ValueError(
                f"CTCStream.push: logits must have shape (T, C), with classes for the blank and all labels, "
                f"C >= {self._decoder._classes}, got {logits.shape}"
            )
        if not len(logits):
            return
        for log_p in log_probabilities(logits, len(logits), "CTCStream.push").tolist():
            self._beam = self._pruned(self._grown(log_p))

    def best(self):
        """The best hypothesis so far, an unfinished word and the sentence's end left aside."""
        prefix, blank, label = self._beam[0]
        log_p = _log_add(blank, label)
        return CTCHypothesis(prefix.labels(), self._words(prefix), log_p + prefix.bonus, log_p)

    def finish(self):
        """The best hypotheses of all frames, best first, their ends scored by the language model.

        With a lexicon they end with a whole word, and differ in their words; where none ends so, the best one is given
        without its unfinished word. The stream stays as it is.
        """
        ended = {}
        for prefix, blank, label in self._beam:
            log_p = _log_add(blank, label)
            for whole in self._completed(prefix):
                one = CTCHypothesis(whole.labels(), self._words(whole), log_p + whole.bonus + self._end(whole), log_p)
                key = tuple(one.labels.tolist() if one.words is None else one.words)
                if key not in ended or ended[key].score < one.score:
                    ended[key] = one
        found = sorted(ended.values(), key=lambda one: -one.score)[: self._decoder.num_results]
        return found or [self.best()]

    # -- a frame --------------------------------------------------------------------------------

    def _grown(self, log_p):
        """What each hypothesis becomes in one frame: dict prefix -> [log p of paths to a blank, to its last label]."""
        blank = log_p[self._decoder.blank]
        grown = {}
        for prefix, to_blank, to_label in self._beam:
            total = _log_add(to_blank, to_label)
            entry = grown.setdefault(prefix, [_MINUS_INFINITY, _MINUS_INFINITY])
            entry[0] = _log_add(entry[0], total + blank)
            if prefix.label is not None:
                entry[1] = _log_add(entry[1], to_label + log_p[prefix.label])
            for child in self._children(prefix, len(log_p)):
                # the same label again begins anew only after a blank
                before = to_blank if child.label == prefix.label else total
                after = before + log_p[child.label]
                if after > _MINUS_INFINITY:
                    entry = grown.setdefault(child, [_MINUS_INFINITY, _MINUS_INFINITY])
                    entry[1] = _log_add(entry[1], after)
        return grown

    def _pruned(self, grown):
        scored = [(_log_add(*entry) + prefix.bonus, prefix, *entry) for prefix, entry in grown.items()]
        scored.sort(key=lambda one: -one[0])
        least = scored[0][0] - self._decoder.threshold
        return [one[1:] for one in scored[: self._decoder.beam_width] if one[0] >= least]

    def _children(self, prefix, classes):
        """Every prefix that is one label longer."""
        lexicon = self._decoder.lexicon
        if lexicon is None:
            return [
                prefix.child(
                    label, None, lambda label=label: _Prefix(prefix, label, None, None, *self._scored(prefix, label))
                )
                for label in range(classes)
                if label != self._decoder.blank
            ]
        children = [
            prefix.child(
                label,
                None,
                lambda label=label, node=node: _Prefix(prefix, label, node, prefix.words, prefix.state, prefix.bonus),
            )
            for label, node in prefix.node.children.items()
        ]
        nexts = lexicon.root.children.items() if lexicon.separator is None else [(lexicon.separator, lexicon.root)]
        for word in prefix.node.words:
            children += [
                prefix.child(
                    label,
                    word,
                    lambda label=label, node=node, word=word: _Prefix(
                        prefix, label, node, (prefix.words, word), *self._scored(prefix, word)
                    ),
                )
                for label, node in nexts
            ]
        return children

    def _scored(self, prefix, unit):
        """State and bonus of `prefix` with another `unit`, a word or a label."""
        decoder, bonus, state = self._decoder, prefix.bonus + self._decoder.bonus, prefix.state
        if decoder.language_model is not None:
            log_p, state = decoder.language_model.score(state, unit)
            bonus += decoder.lm_weight * log_p
        return state, bonus

    # -- the end --------------------------------------------------------------------------------

    def _completed(self, prefix):
        """`prefix` as it is when nothing follows: its last word whole, in each of its readings."""
        lexicon = self._decoder.lexicon
        if lexicon is None or prefix.node is lexicon.root:
            return [prefix]
        return [
            _Prefix(prefix.parent, prefix.label, lexicon.root, (prefix.words, word), *self._scored(prefix, word))
            for word in prefix.node.words
        ]

    def _end(self, prefix):
        decoder = self._decoder
        return (
            0.0 if decoder.language_model is None else decoder.lm_weight * decoder.language_model.finish(prefix.state)
        )

    def _words(self, prefix):
        """The words of a prefix in their order."""
        if self._decoder.lexicon is None:
            return None
        words, linked = [], prefix.words
        while linked is not None:
            linked, word = linked
            words.append(word)
        return words[::-1]


class _Prefix:
    """A beginning of labels: one more than `parent`.

    `node` is its place in the lexicon, `words` the whole words as ``(words before, word)``, `state` that of the
    language model, `bonus` what both add to the score. A prefix exists once: `child` gives the same one again as
    long as a beam holds it or one that begins with it.
    """

    __slots__ = ("__weakref__", "_children", "bonus", "label", "node", "parent", "state", "words")

    def __init__(self, parent, label, node, words, state, bonus):
        self.parent, self.label, self.node, self.words = parent, label, node, words
        self.state, self.bonus = state, bonus
        self._children = None

    def child(self, label, word, make):
        if self._children is None:
            self._children = weakref.WeakValueDictionary()
        found = self._children.get((label, word))
        if found is None:
            found = self._children[label, word] = make()
        return found

    def labels(self):
        labels, prefix = [], self
        while prefix.label is not None:
            labels.append(prefix.label)
            prefix = prefix.parent
        return np.array(labels[::-1], np.int64)


def _log_add(a, b):
    """log(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == _MINUS_INFINITY else a + math.log1p(math.exp(b - a))
