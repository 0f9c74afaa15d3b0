from typing import Any

from .._types import Path
from .tokenizers import Tokenizer

def load(path: Path, key: str = "tokenizer") -> Tokenizer | Any: ...  # a Vocabulary where the file holds one
def from_json(text: str | bytes) -> Tokenizer | Any: ...  # likewise
