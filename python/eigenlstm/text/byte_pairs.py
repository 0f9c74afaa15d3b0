"""Byte-pair units: words in pieces that are as long as they are frequent."""

import heapq
import re
from collections import Counter, defaultdict
from itertools import pairwise

from ..checks import number, positive_int
from .tokenizers import Tokenizer, checked_texts
from .vocabulary import Vocabulary, by_count

_SPACE = "▁"  # U+2581 stands for the space before a word, so that joined pieces are the text again
_WORDS = re.compile(rf"{_SPACE}?\w+|{_SPACE}?[^\w\s{_SPACE}]+|{_SPACE}")
_CACHED = 1 << 16  # words whose pieces are remembered


class BytePairTokenizer(Tokenizer):
    """Text as pieces of words, learned by merging the most frequent pair of neighbours again and again.

    >>> tokenizer = BytePairTokenizer.train(["low lower lowest low"], size=12)
    >>> tokenizer.tokenize("lowest slow")
    ['▁lowe', 's', 't', '▁', 's', 'low']

    A piece that begins a word begins with ``▁``, which stands for the space before it; `decode` gives the text
    back but for runs of spaces, which become one, and unknown characters. Pieces lie within a word, or within a
    run of other signs. Source: Sennrich, Haddow, Birch 2016; ``▁`` as in Kudo, Richardson 2018.

    Parameters
    ----------
    vocabulary : Vocabulary
    merges : list of (left, right)
        Pairs of pieces in the order in which they are merged; each whole must be in the vocabulary.
    lower, normalize
        As in `Tokenizer`.
    """

    def __init__(self, vocabulary, merges, *, lower=False, normalize="NFC"):
        super().__init__(vocabulary, lower=lower, normalize=normalize)
        self.merges = [tuple(pair) for pair in merges]
        for pair in self.merges:
            if len(pair) != 2 or not all(isinstance(piece, str) for piece in pair) or "".join(pair) not in vocabulary:
                raise ValueError(
                    f"BytePairTokenizer: merges must be pairs of str whose wholes are in the vocabulary, got {pair!r}"
                )
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._cache = {}

    @classmethod
    def train(
        cls,
        texts,
        *,
        size,
        min_count=2,
        padding="<pad>",
        unknown="<unk>",
        start=None,
        end=None,
        lower=False,
        normalize="NFC",
    ):
        """The tokenizer learned from `texts`.

        Parameters
        ----------
        texts : iterable of str
        size : int
            Tokens of the vocabulary: the special ones, the characters, and as many pieces as there is room for.
        min_count : int
            Characters and pairs that occur more rarely are left out.
        padding, unknown, start, end
            As in `Vocabulary`.
        lower, normalize
            As in `Tokenizer`.
        """
        where = "BytePairTokenizer.train"
        positive_int(size, f"{where}: size")
        positive_int(min_count, f"{where}: min_count")
        reader = cls(Vocabulary((), padding=None, unknown=None), (), lower=lower, normalize=normalize)
        words = Counter(word for text in checked_texts(texts, where) for word in reader._words(text))
        characters = Counter()
        for word, count in words.items():
            for character in word:
                characters[character] += count
        specials = {"padding": padding, "unknown": unknown, "start": start, "end": end}
        first = [token for token in specials.values() if token is not None]
        alphabet = by_count({c: n for c, n in characters.items() if n >= min_count and c not in first})
        if size < len(first) + len(alphabet):
            raise ValueError(
                f"{where}: size must be at least {len(first) + len(alphabet)}, the special tokens and "
                f"characters, got {size}"
            )
        tokens = dict.fromkeys(first + alphabet)
        merges = []
        for pair in _learned_pairs(words, set(alphabet), min_count):
            if len(tokens) == size:
                break
            merges.append(pair)
            tokens["".join(pair)] = None
        return cls(Vocabulary(tokens, **specials), merges, lower=lower, normalize=normalize)

    def tokenize(self, text, *, dropout=0.0, rng=None):
        """`text` as a list of pieces.

        Parameters
        ----------
        text : str
        dropout : float
            Probability with which a merge is left out each time that it could be made, so that a word is cut
            differently each time: regularisation for training. Source: Provilkov, Emelianenko, Voita 2020.
        rng : numpy.random.Generator
            Draws for `dropout`.
        """
        if not 0 <= number(dropout, "BytePairTokenizer: dropout") < 1:
            raise ValueError(f"BytePairTokenizer: dropout must lie in [0, 1), got {dropout!r}")
        if dropout and rng is None:
            raise ValueError("BytePairTokenizer: dropout needs rng, a numpy.random.Generator")
        words = self._words(text)
        if dropout:
            return [piece for word in words for piece in _merged(word, self._ranks, dropout, rng)]
        return [piece for word in words for piece in self._pieces(word)]

    def encode(self, text, *, start=False, end=False, dropout=0.0, rng=None):
        """`text` as ids, int64 (n,); `dropout` and `rng` as in `tokenize`."""
        ids = self.vocabulary.encode(self.tokenize(text, dropout=dropout, rng=rng))
        return self._with_ends(ids.tolist(), start, end)

    def join(self, tokens):
        return "".join(tokens).replace(_SPACE, " ").strip()

    def config(self):
        return {**super().config(), "merges": [list(pair) for pair in self.merges]}

    def _words(self, text):
        """The runs of a text within which pieces lie."""
        return _WORDS.findall("".join(_SPACE + word for word in self._normalized(text).split()))

    def _pieces(self, word):
        pieces = self._cache.get(word)
        if pieces is None:
            pieces = _merged(word, self._ranks)
            if len(self._cache) < _CACHED:
                self._cache[word] = pieces
        return pieces


def _merged(word, ranks, dropout=0.0, rng=None):
    """The pieces of `word`: of its pairs that may be merged, all those that were learned first, until none is left."""
    pieces = list(word)
    while len(pieces) > 1:
        pairs = [pair for pair in pairwise(pieces) if pair in ranks and not (dropout and rng.random() < dropout)]
        if not pairs:
            break
        pieces = _replaced(pieces, min(pairs, key=ranks.__getitem__))
    return pieces


def _replaced(pieces, pair):
    """`pieces` with every occurrence of `pair`, from the left, as one piece."""
    out, i = [], 0
    while i < len(pieces):
        whole = i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == pair
        out.append(pieces[i] + pieces[i + 1] if whole else pieces[i])
        i += 1 + whole
    return out


def _learned_pairs(words, alphabet, min_count):
    """The most frequent pair of neighbours, merged, then the next: an iterator that ends below `min_count`.

    Of equally frequent pairs the alphabetically first comes first. Counts of pairs are kept up to date word by
    word; the heap holds old counts too, which are told by the count of today.
    """
    pieces = [list(word) for word in words]
    counts = list(words.values())
    pairs, where = Counter(), defaultdict(set)

    def count(index, sign):
        for pair in pairwise(pieces[index]):
            if alphabet.issuperset(pair[0]) and alphabet.issuperset(pair[1]):
                pairs[pair] += sign * counts[index]
                where[pair].add(index)
                changed.add(pair)

    changed = set()
    for index in range(len(pieces)):
        count(index, 1)
    heap = [(-pairs[pair], pair) for pair in changed]
    heapq.heapify(heap)
    while heap:
        negative, pair = heapq.heappop(heap)
        if -negative != pairs[pair]:
            continue
        if -negative < min_count:
            return
        yield pair
        changed = set()
        for index in where.pop(pair):
            count(index, -1)
            pieces[index] = _replaced(pieces[index], pair)
            count(index, 1)
        for other in changed:
            if pairs[other] > 0:
                heapq.heappush(heap, (-pairs[other], other))
