"""A lexicon: words and how they are spelt, as a trie."""

import numpy as np


class Lexicon:
    """The words that a CTC decoder may find.

    >>> letters = el.text.CharacterTokenizer.train(["one", "two"], padding="<blank>", unknown=None)
    >>> lexicon = Lexicon({word: letters.encode(word) for word in ("one", "two")})
    >>> len(lexicon)
    2

    Parameters
    ----------
    spellings : dict word -> labels, or iterable of (word, labels)
        Labels are integers, at least one; a word may have several spellings, and a spelling several words.
    separator : int or None
        The label between words; None where one word follows the other without any.
    """

    def __init__(self, spellings, *, separator=None):
        self.separator = separator
        self.root = TrieNode()
        self.words = set()
        for word, labels in spellings.items() if hasattr(spellings, "items") else spellings:
            self._add(word, labels)
        if not self.words:
            raise ValueError("Lexicon: spellings must hold at least one word")

    def _add(self, word, labels):
        labels = np.asarray(labels)
        if labels.ndim != 1 or not labels.size or labels.dtype.kind not in "iu":
            raise ValueError(f"Lexicon: the labels of {word!r} must be integers (n,), n > 0, got {labels!r}")
        if self.separator is not None and (labels == self.separator).any():
            raise ValueError(f"Lexicon: the labels of {word!r} must not hold the separator {self.separator}")
        node = self.root
        for label in labels.tolist():
            node = node.children.setdefault(label, TrieNode())
        if word not in node.words:
            node.words.append(word)
        self.words.add(word)

    def labels(self):
        """All labels that occur, a set; with the separator."""
        found, nodes = set() if self.separator is None else {self.separator}, [self.root]
        while nodes:
            node = nodes.pop()
            found.update(node.children)
            nodes.extend(node.children.values())
        return found

    def __len__(self):
        return len(self.words)

    def __contains__(self, word):
        return word in self.words

    def __repr__(self):
        return f"Lexicon({len(self)} words)"


class TrieNode:
    """A beginning of words: `children` by label, and the `words` that are spelt here."""

    __slots__ = ("children", "words")

    def __init__(self):
        self.children, self.words = {}, []
