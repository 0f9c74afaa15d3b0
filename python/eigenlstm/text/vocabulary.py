"""Vocabularies: tokens and their ids."""

from collections import Counter

import numpy as np

from ..checks import positive_int
from ..descriptions import Described

_SPECIALS = ("padding", "unknown", "start", "end")


class Vocabulary(Described):
    """Tokens and their ids 0 … V−1.

    >>> vocabulary = Vocabulary.build([["a", "b", "a"], ["c"]])
    >>> vocabulary.tokens
    ('<pad>', '<unk>', 'a', 'b', 'c')
    >>> vocabulary.encode(["a", "z", "c"])
    array([2, 1, 4])
    >>> vocabulary.decode([2, 1, 4, 0, 0])
    ['a', '<unk>', 'c']

    Parameters
    ----------
    tokens : sequence of str
        All different; the position of a token is its id.
    padding : str or None
        The token that fills rows up. `decode` leaves it out.
    unknown : str or None
        The token that stands for every other one. Without it `encode` refuses tokens that are not in the
        vocabulary, which is right for labels.
    start, end : str or None
        Tokens that begin and end a sequence. `decode` leaves them out.

    Attributes
    ----------
    tokens : tuple of str
    padding_id, unknown_id, start_id, end_id : int or None
    """

    def __init__(self, tokens, *, padding="<pad>", unknown="<unk>", start=None, end=None):
        if isinstance(tokens, str):
            raise TypeError(f"Vocabulary: tokens must be a sequence of str, got {tokens!r}")
        self.tokens = tuple(tokens)
        wrong = next((token for token in self.tokens if not isinstance(token, str)), None)
        if wrong is not None:
            raise TypeError(f"Vocabulary: tokens must be str, got {wrong!r}")
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens):
            twice = next(token for token, count in Counter(self.tokens).items() if count > 1)
            raise ValueError(f"Vocabulary: tokens must be different, got {twice!r} twice")
        self._specials = _checked_specials(padding=padding, unknown=unknown, start=start, end=end)
        for name, token in self._specials.items():
            if token is not None and token not in self._ids:
                raise ValueError(f"Vocabulary: {name} {token!r} must be one of the tokens")
            setattr(self, f"{name}_id", None if token is None else self._ids[token])
        self._silent = {
            self._ids[token] for name, token in self._specials.items() if token is not None and name != "unknown"
        }

    @classmethod
    def build(cls, sequences, *, min_count=1, max_size=None, padding="<pad>", unknown="<unk>", start=None, end=None):
        """The vocabulary of the tokens in `sequences`: the special tokens, then the others by falling count.

        Parameters
        ----------
        sequences : iterable of sequences of str
        min_count : int
            Tokens that occur more rarely are left out.
        max_size : int
            Most tokens to keep, the special ones included. Of equally frequent tokens the alphabetically first
            are kept.
        padding, unknown, start, end
            As in `Vocabulary`.
        """
        positive_int(min_count, "Vocabulary.build: min_count")
        counts = Counter()
        for tokens in sequences:
            if isinstance(tokens, str):
                raise TypeError(f"Vocabulary.build: sequences must hold sequences of tokens, got the str {tokens!r}")
            counts.update(tokens)
        specials = _checked_specials(padding=padding, unknown=unknown, start=start, end=end)
        first = [token for token in specials.values() if token is not None]
        if max_size is not None and positive_int(max_size, "Vocabulary.build: max_size") < len(first):
            raise ValueError(
                f"Vocabulary.build: max_size must have room for the {len(first)} special tokens, got {max_size}"
            )
        rest = by_count({token: count for token, count in counts.items() if token not in first and count >= min_count})
        return cls((first + rest)[:max_size], **specials)

    def __len__(self):
        return len(self.tokens)

    def __contains__(self, token):
        return token in self._ids

    def __repr__(self):
        return f"Vocabulary({len(self)} tokens)"

    def id(self, token):
        """The id of `token`: that of the unknown token where it is not in the vocabulary.

        ``ValueError`` where there is no unknown token.
        """
        found = self._ids.get(token, self.unknown_id)
        if found is None:
            raise ValueError(f"Vocabulary: there is no token {token!r}, and no unknown token to take its place")
        return found

    def encode(self, tokens):
        """Tokens as ids, int64 (n,)."""
        if isinstance(tokens, str):
            raise TypeError(f"Vocabulary.encode: tokens must be a sequence of str, got the str {tokens!r}")
        return np.array([self.id(token) for token in tokens], np.int64)

    def decode(self, ids, *, keep_special=False):
        """The tokens of `ids`, integers (T,), as a list; padding, start and end are left out unless `keep_special`.

        Negative ids are padding too: `fit` fills ragged rows of integer targets up with −1.
        """
        ids = _integers(ids, "Vocabulary.decode")
        if ids.size and ids.max() >= len(self):
            raise ValueError(f"Vocabulary.decode: ids must be below {len(self)}, got {ids.max()}")
        silent = () if keep_special else self._silent
        return [self.tokens[i] for i in ids.tolist() if i >= 0 and i not in silent]

    def config(self):
        """The arguments of `Vocabulary` as JSON values."""
        return {"tokens": list(self.tokens), **self._specials}


def pad(rows, value=0):
    """Rows of integers as one array and their lengths.

    >>> pad([[5, 6, 7], [8]])
    (array([[5, 6, 7],
           [8, 0, 0]]), array([3, 1]))

    Parameters
    ----------
    rows : sequence of B integer sequences (T_i,)
    value : int
        What fills the shorter rows up.

    Returns
    -------
    int64 (B, T) and int64 (B,), T the length of the longest row
    """
    rows = [_integers(row, "pad", f"rows[{i}]") for i, row in enumerate(rows)]
    lengths = np.array([len(row) for row in rows], np.int64)
    padded = np.full((len(rows), max(lengths, default=0)), value, np.int64)
    for row, length, out in zip(rows, lengths, padded):
        out[:length] = row
    return padded, lengths


def by_count(counts):
    """The keys of a dict of counts, most frequent first, equally frequent ones in their own order."""
    return sorted(counts, key=lambda token: (-counts[token], token))


def _checked_specials(**specials):
    """The special tokens by name, all different."""
    for name, token in specials.items():
        if token is not None and not isinstance(token, str):
            raise TypeError(f"Vocabulary: {name} must be a str or None, got {token!r}")
    given = [token for token in specials.values() if token is not None]
    if len(set(given)) < len(given):
        raise ValueError(
            f"Vocabulary: padding, unknown, start and end must be different, got {', '.join(map(repr, given))}"
        )
    return {name: specials[name] for name in _SPECIALS}


def _integers(ids, where, name="ids"):
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(f"{where}: {name} must be one row of integers, got shape {ids.shape}")
    if ids.dtype.kind not in "iu" and ids.size:
        raise TypeError(f"{where}: {name} must be integers, got {ids.dtype}")
    return ids.astype(np.int64)
