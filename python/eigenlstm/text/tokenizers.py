"""Tokenizers: text to ids and back, by words or by characters; what all of them share."""

import re
import unicodedata

import numpy as np

from ..descriptions import Described
from .vocabulary import Vocabulary

_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")  # don't is one word, a sign of punctuation is one
_FORMS = (None, "NFC", "NFD", "NFKC", "NFKD")


class Tokenizer(Described):
    """What all tokenizers share: `encode`, `decode`, files.

    Parameters
    ----------
    vocabulary : Vocabulary
    lower : bool
        Read capitals as small letters.
    normalize : None, "NFC", "NFD", "NFKC" or "NFKD"
        Form of Unicode that text is brought into, so that the same letter is the same character.
    """

    def __init__(self, vocabulary, *, lower=False, normalize="NFC"):
        name = type(self).__name__
        if not isinstance(vocabulary, Vocabulary):
            raise TypeError(f"{name}: vocabulary must be a Vocabulary, got {type(vocabulary).__name__}")
        if not isinstance(lower, bool):
            raise TypeError(f"{name}: lower must be True or False, got {lower!r}")
        if normalize not in _FORMS:
            raise ValueError(f"{name}: normalize must be one of {_FORMS}, got {normalize!r}")
        self.vocabulary, self.lower, self.normalize = vocabulary, lower, normalize

    @classmethod
    def train(
        cls, texts, *, min_count=1, max_size=None, padding="<pad>", unknown="<unk>", start=None, end=None, **options
    ):
        """The tokenizer whose vocabulary is that of `texts`.

        Parameters
        ----------
        texts : iterable of str
        min_count, max_size, padding, unknown, start, end
            As in `Vocabulary.build`.
        options
            The other arguments of the tokenizer.
        """
        tokenizer = cls(Vocabulary((), padding=None, unknown=None), **options)
        tokenizer.vocabulary = Vocabulary.build(
            (tokenizer.tokenize(text) for text in checked_texts(texts, f"{cls.__name__}.train")),
            min_count=min_count,
            max_size=max_size,
            padding=padding,
            unknown=unknown,
            start=start,
            end=end,
        )
        return tokenizer

    def tokenize(self, text):
        """`text` as a list of tokens."""
        raise NotImplementedError

    def join(self, tokens):
        """The text that `tokens` are read as."""
        raise NotImplementedError

    def encode(self, text, *, start=False, end=False):
        """`text` as ids, int64 (n,); with `start` and `end` between the tokens that the vocabulary has for them."""
        return self._with_ends(self.vocabulary.encode(self.tokenize(text)).tolist(), start, end)

    def encode_batch(self, texts, *, start=False, end=False):
        """A list of ``encode(text)``, int64 (T_i,) each: ragged rows, as `fit` and `predict` take them."""
        return [
            self.encode(text, start=start, end=end)
            for text in checked_texts(texts, f"{type(self).__name__}.encode_batch")
        ]

    def decode(self, ids):
        """The text of a row of ids, integers (T,); padding, start and end are left out."""
        return self.join(self.vocabulary.decode(ids))

    def decode_batch(self, rows):
        """A list of `decode(row)` for an array (B, T) or a list of rows."""
        return [self.decode(row) for row in rows]

    # -- files ----------------------------------------------------------------------------------

    def config(self):
        """The tokenizer as JSON values."""
        return {"vocabulary": self.vocabulary.config(), "lower": self.lower, "normalize": self.normalize}

    @classmethod
    def from_config(cls, config):
        """The tokenizer that `config()` described."""
        return cls(
            Vocabulary.from_config(config["vocabulary"]), **{k: v for k, v in config.items() if k != "vocabulary"}
        )

    def __repr__(self):
        return f"{type(self).__name__}({len(self.vocabulary)} tokens)"

    # -- shared by the classes ------------------------------------------------------------------

    def _normalized(self, text):
        if not isinstance(text, str):
            raise TypeError(f"{type(self).__name__}: text must be a str, got {text!r}")
        text = text if self.normalize is None else unicodedata.normalize(self.normalize, text)
        return text.lower() if self.lower else text

    def _with_ends(self, ids, start, end):
        for wanted, name, place in ((start, "start", 0), (end, "end", len(ids) + bool(start))):
            special = getattr(self.vocabulary, f"{name}_id")
            if wanted and special is None:
                raise ValueError(f"{type(self).__name__}.encode: the vocabulary has no {name} token")
            if wanted:
                ids.insert(place, special)
        return np.array(ids, np.int64)


class WordTokenizer(Tokenizer):
    """Text as words.

    >>> tokenizer = WordTokenizer.train(["Don't panic!"], lower=True)
    >>> tokenizer.tokenize("Don't panic!")
    ["don't", 'panic', '!']

    `decode` joins words by single spaces: where the text had none, as before a full stop, is not kept.

    Parameters
    ----------
    vocabulary, lower, normalize
        As in `Tokenizer`.
    split : "words" or "spaces"
        "words": runs of letters, digits and apostrophes within them, and each other sign by itself;
        "spaces": whatever spaces separate.
    """

    def __init__(self, vocabulary, *, split="words", lower=False, normalize="NFC"):
        super().__init__(vocabulary, lower=lower, normalize=normalize)
        if split not in ("words", "spaces"):
            raise ValueError(f"WordTokenizer: split must be 'words' or 'spaces', got {split!r}")
        self.split = split

    def tokenize(self, text):
        text = self._normalized(text)
        return _WORDS.findall(text) if self.split == "words" else text.split()

    def join(self, tokens):
        return " ".join(tokens)

    def config(self):
        return {**super().config(), "split": self.split}


class CharacterTokenizer(Tokenizer):
    """Text as characters, spaces included.

    >>> CharacterTokenizer.train(["abba"]).encode("aby")
    array([2, 3, 1])
    """

    def tokenize(self, text):
        return list(self._normalized(text))

    def join(self, tokens):
        return "".join(tokens)


def checked_texts(texts, where):
    """`texts` as an iterable of str; a single str would be read letter by letter."""
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"{where}: texts must be an iterable of str, got one {type(texts).__name__}")
    return texts
