"""Tables in files as people have them: the cells as text, whatever the file is."""

import csv
import gzip
import io
import re
import sys
import zlib
from dataclasses import dataclass, field

from .step import SeriesError

_DELIMITERS = ",;\t| "
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)  # byte order marks
_LARGEST = 1 << 31  # bytes that a compressed file may unpack to
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*([eE][-+]?\d+)?%?")


@dataclass
class TableFile:
    """The cells of a table as text.

    Attributes
    ----------
    path : str
        As errors name it.
    header : list of str
    rows : list of (line number, list of str)
    delimiter : str
        "" where the file is no text.
    notes : list of str
        What the reader had to assume.
    """

    path: str
    header: list
    rows: list
    delimiter: str = ""
    notes: list = field(default_factory=list)

    @property
    def lines(self):
        """The line of each row in the file."""
        return [line for line, _ in self.rows]

    def column(self, name):
        """The cells of the column `name`, or SeriesError with those that there are."""
        if self.header.count(name) != 1:
            listed = ", ".join(map(repr, self.header[:12])) + (", …" if len(self.header) > 12 else "")
            problem = "twice" if name in self.header else "not"
            near = [known for known in self.header if known.lower() == name.lower() and known != name]
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SeriesError(f"column {name!r} is {problem} in {self.path}; its columns are {listed}{hint}")
        index = self.header.index(name)
        return [cells[index].strip() for _, cells in self.rows]


def read_table(path, *, encoding=None):
    """The `TableFile` of a file: text with cells divided by comma, semicolon, tab, bar or space; gzip of it; .xlsx and
    Parquet where pandas is installed; standard input for ``-``.

    Lines that start with ``#`` are comments. Text is UTF-8, or what its byte order mark or `encoding` says.

    Raises
    ------
    SeriesError
    """
    shown = "standard input" if str(path) == "-" else str(path)
    raw = _bytes(path, shown)
    if raw.startswith(b"\x1f\x8b"):
        raw = _unpacked(raw, shown)
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _from_pandas(raw, shown, "a spreadsheet", "openpyxl", _spreadsheet)
    if raw.startswith(b"PAR1"):
        return _from_pandas(raw, shown, "Parquet", "pyarrow", _parquet)
    return _text_table(_decoded(raw, shown, encoding), shown)


def _bytes(path, shown):
    try:
        if shown == "standard input":
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise SeriesError(f"{shown} does not exist; check the path") from None
    except OSError as error:
        raise SeriesError(f"{shown} cannot be read: {error.strerror}; check the path and its permissions") from None


def _unpacked(raw, shown):
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            text = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SeriesError(f"{shown} cannot be unpacked: {error}; compress it again") from None
    if len(text) > _LARGEST:
        raise SeriesError(f"{shown} unpacks to more than {_LARGEST >> 30} GiB; give a smaller file")
    return text


def _decoded(raw, shown, encoding):
    known = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding or known)
        if "\0" not in text:
            return text
        raise SeriesError(
            f"{shown} is not a table of text: it has zero bytes; save it as CSV, or give its encoding, for "
            f"example --encoding {_encoding_that_works(raw)}"
        )
    except LookupError:
        raise SeriesError(f"--encoding {encoding!r} is not known; give one such as utf-8, cp1252 or utf-16") from None
    except UnicodeError:
        if encoding:
            raise SeriesError(
                f"{shown} is not text in --encoding {encoding}; give --encoding {_encoding_that_works(raw)}"
            ) from None
        raise SeriesError(
            f"{shown} is not UTF-8 text; give its encoding, for example --encoding {_encoding_that_works(raw)}"
        ) from None


def _encoding_that_works(raw):
    for name in ("utf-16-le", "utf-16-be") if b"\0" in raw[:1000] else ("utf-8", "cp1252"):
        try:
            raw.decode(name)
            return name
        except UnicodeError:
            continue
    return "latin-1"


def _text_table(text, shown):
    comments, lines = [], []
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        is_comment = line.startswith("#") and not line.lower().startswith(("#n/a", "#na", "#value!"))
        (comments if is_comment and (not lines or not _open_quote(lines)) else lines).append((number, line))
    while lines and not lines[0][1].strip(" ,;\t\r\n\ufeff"):
        lines.pop(0)
    if not lines:
        raise SeriesError(f"{shown} is empty; it needs a header row with the names of the columns")
    delimiter = _delimiter([line for _, line in lines[:50]])
    try:
        records = list(_records(lines, delimiter))
    except csv.Error as error:
        raise SeriesError(f"{shown} cannot be read as CSV: {error}; save it again as CSV") from None
    notes = []
    header = [name.strip() for name in records[0][1]]
    if _is_data(header):  # there is no header, or it is the last comment, as numpy.savetxt writes it
        above = list(csv.reader([comments[-1][1].lstrip("# ")], delimiter=delimiter)) if comments else []
        if above and len(above[0]) == len(header) and not _is_data([name.strip() for name in above[0]]):
            header = [name.strip() for name in above[0]]
        else:
            header = [""] * len(header)
            notes.append(
                f"{shown} has no header row: its columns are called {', '.join(_names(header)[:4])}"
                + (", …" if len(header) > 4 else "")
            )
    else:
        records.pop(0)
    if not records:
        raise SeriesError(f"{shown} has a header but no rows; it needs one row a time step")
    if all(len(cells) == len(header) + 1 for _, cells in records) and any(cells[-1].strip() for _, cells in records):
        header = ["", *header]  # the names of the rows, as R writes them
    rows = [(number, _fitted(cells, len(header), number, shown)) for number, cells in records]
    return TableFile(shown, _names(header), rows, delimiter, notes)


def _open_quote(lines):
    return sum(line.count('"') for _, line in lines[-50:]) % 2 == 1


def _records(lines, delimiter):
    """``(line number, cells)`` of what is not empty."""
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, skipinitialspace=delimiter in " ,;")
    before = 0
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield lines[before][0], cells
        before = reader.line_num


def _delimiter(lines):
    """The delimiter that cuts all of `lines` into equally many cells, the most of them; else that of the first line."""
    best = (1, None)
    for delimiter in _DELIMITERS:
        try:
            counts = [
                len(cells)
                for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter in " ,;")
                if any(cell.strip() for cell in cells)
            ]
        except csv.Error:
            continue
        body = set(counts[1:-1] or counts[1:] or counts)  # the last line may go on where this excerpt ends
        if len(body) == 1 and body <= {counts[0], counts[0] + 1} and counts[0] > best[0]:
            best = counts[0], delimiter
    if best[1] is None and any(lines[0].count(delimiter) for delimiter in _DELIMITERS[:-1]):
        return max(_DELIMITERS[:-1], key=lines[0].count)
    return best[1] or "\x1f"  # a single column


def _fitted(cells, width, number, shown):
    """`cells` without empty ones beyond the header's `width`."""
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        cells = cells[:width]
    if len(cells) != width:
        raise SeriesError(f"line {number} of {shown} has {len(cells)} cells, the header has {width}; correct the line")
    return cells


def _is_data(cells):
    """Whether a first row is data, not names: it has a number, and nothing without a digit in it."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return any(map(_NUMBER.fullmatch, filled[1:] or filled)) and all(re.search(r"\d", cell) for cell in filled)


def _names(header):
    """Names for all columns, also those that have none in the file."""
    return [name or f"column{i}" for i, name in enumerate(header, 1)]


# -- what pandas reads ------------------------------------------------------------------------------


def _from_pandas(raw, shown, what, engine, read):
    try:
        import pandas
    except ImportError:
        raise SeriesError(
            f"{shown} is {what}, which needs pandas and {engine}: pip install pandas {engine}; or save it as CSV"
        ) from None
    try:
        frame, notes = read(pandas, io.BytesIO(raw))
    except ImportError:
        raise SeriesError(f"{shown} is {what}, which needs {engine}: pip install {engine}; or save it as CSV") from None
    except Exception as error:  # of any kind, from a file that is broken
        raise SeriesError(
            f"{shown} cannot be read as {what}: {' '.join(str(error).split())[:120]}; save it as CSV"
        ) from None
    if frame.shape[1] == 0 or frame.shape[0] == 0:
        raise SeriesError(f"{shown} has no rows; it needs a header row and one row a time step")
    columns = [[_cell(pandas, value) for value in frame.iloc[:, i].tolist()] for i in range(frame.shape[1])]
    names = _names(["" if str(name).startswith("Unnamed:") else str(name).strip() for name in frame.columns])
    rows = [(number, list(cells)) for number, cells in enumerate(zip(*columns), 2) if any(cells)]
    return TableFile(shown, names, rows, "", [f"{shown}: {note}" for note in notes])


def _spreadsheet(pandas, file):
    with pandas.ExcelFile(file) as book:
        sheets = book.sheet_names
        frame = book.parse(sheets[0], dtype=object, keep_default_na=False)
    return frame, [f"the sheet {sheets[0]!r} is read, the first of {len(sheets)}"] if len(sheets) > 1 else []


def _parquet(pandas, file):
    frame = pandas.read_parquet(file)
    if any(name is not None for name in frame.index.names) or not isinstance(frame.index, pandas.RangeIndex):
        frame = frame.reset_index()
    return frame, []


def _cell(pandas, value):
    """A value as it would stand in a CSV file."""
    if value is None or value is pandas.NaT or value is pandas.NA or (isinstance(value, float) and value != value):
        return ""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if not isinstance(value, float) else repr(value)
