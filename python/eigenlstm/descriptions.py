"""Small things as JSON, beside a model or in the metadata of its file: tokenizers, vocabularies, features of sound.

A class has ``config()``, JSON values, and ``from_config(config)``, which raises TypeError or ValueError for wrong ones.
"""

import json

from .atomic_files import write_atomically
from .safetensors_files import FileError, parse_json, read_tensors

_FORMAT = 1


class Described:
    """Base of what is saved as JSON. Subclasses have `config`, and `from_config` where that is not
    ``cls(**config)``.
    """

    def config(self):
        """The arguments of the constructor as JSON values."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config):
        """What `config()` described."""
        return cls(**config)

    def to_json(self):
        """It as text, for the metadata of a model's file; `load` and `from_json` read it."""
        about = {"format": _FORMAT, "class": type(self).__name__, "config": self.config()}
        return json.dumps(about, ensure_ascii=False, separators=(",", ":"))

    def save(self, path):
        """Write it to the file `path`, as JSON in UTF-8: whole or not at all."""
        write_atomically(path, self.to_json().encode())

    def __eq__(self, other):
        return type(self) is type(other) and self.config() == other.config()

    __hash__ = None


def from_json(text, classes, what, path="the text"):
    """What `to_json` wrote as `text`, of one of `classes`; `what` it should be, and `path`, are named in errors."""
    about = parse_json(text.encode() if isinstance(text, str) else text, path, f"its {what}")
    by_name = {cls.__name__: cls for cls in classes}
    if not isinstance(about, dict) or not isinstance(about.get("config"), dict) or about.get("class") not in by_name:
        raise FileError(f"{path}: holds no {what}")
    if about.get("format") != _FORMAT:
        raise FileError(f"{path}: its {what} has format {about.get('format')!r}, this version reads {_FORMAT}")
    try:
        return by_name[about["class"]].from_config(about["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path}: the {what} that it describes cannot be built: {error}") from None


def load(path, key, classes, what):
    """What is described in a file that `save` wrote, or in the metadata `key` of a safetensors file.

    ``FileError`` where there is none or it is not whole.
    """
    with open(path, "rb") as file:
        first = file.read(9)
        if first[8:] != b"{":  # a safetensors file: eight bytes of length, then its header
            return from_json(first + file.read(), classes, what, path)
    _, metadata = read_tensors(path)
    if key not in metadata:
        raise FileError(f"{path}: its metadata has no entry {key!r}")
    return from_json(metadata[key], classes, what, path)
