"""Tokenizers and vocabularies out of files."""

from .. import descriptions
from .byte_pairs import BytePairTokenizer
from .tokenizers import CharacterTokenizer, WordTokenizer
from .vocabulary import Vocabulary

_CLASSES, _WHAT = (WordTokenizer, CharacterTokenizer, BytePairTokenizer, Vocabulary), "tokenizer or vocabulary"


def load(path, key="tokenizer"):
    """The tokenizer or vocabulary in a file that its `save` wrote, or in the metadata `key` of a safetensors file.

    >>> tags = el.text.Vocabulary(["O", "B-PER", "I-PER"], padding=None, unknown=None)
    >>> model.save("m.safetensors", metadata={"tokenizer": tokenizer.to_json(), "tags": tags.to_json()})
    >>> tokenizer, tags = el.text.load("m.safetensors"), el.text.load("m.safetensors", key="tags")

    ``FileError`` where there is none or it is not whole.
    """
    return descriptions.load(path, key, _CLASSES, _WHAT)


def from_json(text):
    """What `to_json` of a tokenizer or vocabulary wrote as `text`."""
    return descriptions.from_json(text, _CLASSES, _WHAT)
