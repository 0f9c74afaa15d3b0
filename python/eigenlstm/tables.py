"""Plain-text tables."""


class Table(str):
    """Rows of text in aligned columns; the first row is the head. A REPL shows it as it is printed."""

    def __new__(cls, rows, footer=""):
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [format_row(row, widths) for row in rows]
        lines.insert(1, "-" * max(map(len, lines)))
        return super().__new__(cls, "\n".join(lines + [lines[1], footer] * bool(footer)))

    def __reduce__(self):  # copies and pickles are made from the finished text, not from rows
        return _table, (str(self),)

    def __repr__(self):
        return str(self)


def _table(text):
    return str.__new__(Table, text)


def format_row(row, widths):
    """One line: numbers to the right, words to the left."""
    cells = [cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width) for cell, width in zip(row, widths)]
    return "  ".join(cells).rstrip()
