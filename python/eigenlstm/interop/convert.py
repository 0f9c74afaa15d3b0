"""Models of other frameworks turned into files of ours: one table of readers, and a report of what became what."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..safetensors_files import FileError
from ..saving import save


@dataclass
class Report:
    """What a reader made of a file.

    path : the file
    kind : what it is, as "Keras 3"
    became : list of (layer of theirs, what it became)
    notes : what the user should know: things left out, behaviour that differs
    difference : largest difference of the two models' outputs on random input, where the source's runtime is installed
    compared_with : that runtime and the input, or why nothing was compared
    """

    path: str
    kind: str
    became: list
    notes: list = field(default_factory=list)
    difference: float | None = None
    compared_with: str = ""

    def lines(self):
        """The report as lines of text."""
        width = max((len(theirs) for theirs, _ in self.became), default=0)
        lines = [f"{self.path}: {self.kind}", *(f"  {theirs:{width}}  ->  {ours}" for theirs, ours in self.became)]
        lines += [f"  note: {note}" for note in self.notes]
        if self.difference is not None:
            lines.append(f"  largest difference from {self.compared_with}: {self.difference:.2g}")
        elif self.compared_with:
            lines.append(f"  not compared: {self.compared_with}")
        return lines


@dataclass(frozen=True)
class Reader:
    """A format that can be read.

    name : for messages
    suffixes : of the files, with the dot
    starts : bytes with which such a file may begin; the first reader that names a file's suffix reads it, else the
        first that names its beginning
    module : of this package, imported when a file of this format comes; it has
        ``read(path) -> (model, Report)``, which raises ``FileError`` for what it cannot read, and may have
        ``compare(path, model) -> (difference or None, text)``: the largest difference of the outputs on random input
        from those of the source's own runtime, and what was run, or why it was not; and ``write(model, path)`` in place
        of `eigenlstm.save`, where it gives more than a model.
    architectures : whether there are files of weights alone; both functions take ``architecture=`` then
    """

    name: str
    suffixes: tuple
    starts: tuple
    module: str
    architectures: bool = False


READERS = [
    Reader("Keras", (".keras", ".h5", ".hdf5"), (b"\x89HDF\r\n\x1a\n",), "keras", architectures=True),
    Reader("ONNX", (".onnx",), (), "onnx.converting"),
    Reader("amplifiers", (".nam", ".aidax", ".json"), (b"{",), "audio.converting"),
    Reader("PyTorch's weights of an LSTM", (".pt", ".pth", ".safetensors"), (), "weight_files"),
]


def reader_of(path):
    """The `Reader` of the file at `path`, by its suffix or else by its beginning; ``FileError`` where there is none."""
    with open(path, "rb") as file:
        start = file.read(16)
    suffix = Path(path).suffix.lower()
    for fits in (
        lambda reader: suffix in reader.suffixes,
        lambda reader: reader.starts and start.startswith(reader.starts),
    ):
        for reader in READERS:
            if fits(reader):
                return reader
    known = "; ".join(f"{reader.name} ({', '.join(reader.suffixes)})" for reader in READERS)
    raise FileError(f"{path}: is in no format that can be read: {known}")


def convert(source, target, *, architecture=None, compare=True) -> Report:
    """Read the model in the file `source`, write it to `target` as `eigenlstm.save` does, and say what became what.

    ``FileError`` where it cannot be read: `target` is then not written. Where a format has files of weights alone,
    `architecture` is the path of the file that says whose. With `compare`, the outputs are compared with those of the
    source's own runtime where that is installed.
    """
    reader = reader_of(source)
    if architecture is not None and not reader.architectures:
        raise FileError(f"{source}: files of {reader.name} have their architecture in them, {architecture} was given")
    options = {} if architecture is None else {"architecture": architecture}
    module = importlib.import_module(f".{reader.module}", __package__)
    model, report = module.read(source, **options)
    getattr(module, "write", save)(model, target)
    compared: Callable | None = getattr(module, "compare", None) if compare else None
    if compared is not None:
        report.difference, report.compared_with = compared(source, model, **options)
    return report
