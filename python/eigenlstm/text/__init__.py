"""Text in front of a model: vocabularies, tokenizers, word dropout.

A tokenizer turns text into ids, the integers that `eigenlstm.Embedding` takes, and back:

>>> texts = ["the film was good", "the film was not good"]
>>> tokenizer = el.text.WordTokenizer.train(texts)
>>> rows = tokenizer.encode_batch(texts)               # a list of int64 arrays: ragged rows, as `fit` takes them
>>> tokenizer.decode(rows[0])
'the film was good'
>>> len(tokenizer.vocabulary)
7

It is saved as a JSON file of its own, or with the model, in the metadata of its file:

>>> tokenizer.save("tokenizer.json")
>>> model.save("m.safetensors", metadata={"tokenizer": tokenizer.to_json()})
>>> tokenizer = el.text.load("m.safetensors")          # from either of the two
"""

from .augmentation import WordDropout
from .byte_pairs import BytePairTokenizer
from .files import from_json, load
from .tokenizers import CharacterTokenizer, Tokenizer, WordTokenizer
from .vocabulary import Vocabulary, pad

__all__ = [
    "BytePairTokenizer",
    "CharacterTokenizer",
    "Tokenizer",
    "Vocabulary",
    "WordDropout",
    "WordTokenizer",
    "from_json",
    "load",
    "pad",
]
