"""JSON of strangers, read value by value: an error names the file, the key and what was expected there."""

import json
import os

import numpy as np

from ...safetensors_files import FileError, opened, parse_json

MOST_BYTES = 64 << 20  # of a file: 2,000,000 values, which is what parse_json reads, take less
MOST_UNITS = 1 << 16  # of a size that a file claims


class Field:
    """A value of a JSON document and where it is.

    Parameters
    ----------
    value : what JSON gives
    path : of the file
    key : as ``config.hidden_size`` or ``layers[1].weights[0]``; empty for the document
    """

    def __init__(self, value, path, key=""):
        self.value, self.path, self.key = value, path, key

    def fail(self, problem):
        """Raise the ``FileError`` that names this place."""
        raise FileError(f"{self.path}: {self.key or 'the file'} {problem}")

    def must(self, expected):
        """Raise that this value is not what was `expected`."""
        self.fail(f"must be {expected}, got {_brief(self.value)}")

    def __getitem__(self, name):
        """The field `name` of an object, or item `name` of a list; it must be there."""
        field = self.get(name)
        if field is None:
            raise FileError(f"{self.path}: {self._under(name)} is missing")
        return field

    def get(self, name):
        """The field `name` of an object, or item `name` of a list; None where it is absent or null."""
        if isinstance(name, int):
            if not isinstance(self.value, list):
                self.must("a list")
            found = self.value[name] if name < len(self.value) else None
        else:
            found = self.object().get(name)
        return None if found is None else Field(found, self.path, self._under(name))

    def _under(self, name):
        if isinstance(name, int):
            return f"{self.key}[{name}]"
        return f"{self.key}.{name}" if self.key else name

    def object(self):
        if not isinstance(self.value, dict):
            self.must("an object")
        return self.value

    def length(self, least=0):
        """The length of a list of at least `least` values."""
        if not isinstance(self.value, list) or len(self.value) < least:
            self.must(f"a list of at least {least}" if least else "a list")
        return len(self.value)

    def items(self, least=0):
        """The fields of a list of at least `least` values."""
        return [self[i] for i in range(self.length(least))]

    def integer(self, least, most=MOST_UNITS):
        whole = type(self.value) is int or (type(self.value) is float and self.value.is_integer())
        if not whole or not least <= self.value <= most:
            self.must(f"a whole number from {least} to {most}")
        return int(self.value)

    def number(self, least, most):
        if type(self.value) not in (int, float) or not least <= self.value <= most:
            self.must(f"a number from {least:g} to {most:g}")
        return float(self.value)

    def flag(self):
        """A boolean, also written as 0 or 1."""
        if self.value not in (0, 1) or isinstance(self.value, str):
            self.must("true or false")
        return bool(self.value)

    def text(self):
        if not isinstance(self.value, str):
            self.must("a text")
        return self.value

    def array(self, shape, dtype):
        """Nested lists of numbers as an array of `shape`; None in it is an axis of any size, at least 1."""
        values = self._numbers(self.value, tuple(shape), self.key)
        with np.errstate(over="ignore"):
            array = np.array(values, np.float64).astype(dtype)
        if not np.isfinite(array).all():
            self.fail(f"has a value that is too large for {np.dtype(dtype)}")
        return array

    def _numbers(self, value, shape, key):
        if not shape:
            if type(value) not in (int, float):
                Field(value, self.path, key).must("a number")
            return value
        size, rest = shape[0], shape[1:]
        fits = isinstance(value, list) and (len(value) == size if size is not None else value)
        if not fits:
            sizes = " x ".join("n" if size is None else str(size) for size in shape)
            got = f"a list of {len(value)}" if isinstance(value, list) else _brief(value)
            raise FileError(f"{self.path}: {key} must have {sizes} numbers, got {got}")
        if rest:
            return [self._numbers(item, rest, f"{key}[{i}]") for i, item in enumerate(value)]
        for i, item in enumerate(value):
            if type(item) not in (int, float):
                Field(item, self.path, f"{key}[{i}]").must("a number")
        return value


def read_json(path):
    """The document in the file `path` as a `Field`. ``FileError`` where it is none, or too large."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            raise FileError(f"{path}: has {size} bytes; {MOST_BYTES} are allowed for a file of JSON")
        data = file.read(MOST_BYTES + 1)
    return Field(parse_json(data.removeprefix(b"\xef\xbb\xbf"), path, "its content"), path)


def _brief(value):
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
