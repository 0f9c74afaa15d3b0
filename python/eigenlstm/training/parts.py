"""The rows of a batch that one process of several computes."""

from typing import NamedTuple


class Part(NamedTuple):
    """The rows of a batch that this process computes."""

    batch: tuple  # (x, y, lengths, sample_weight) of them
    rows: int  # of the whole batch
    lengths: object  # of the whole batch, or None


def each_of(x, change):
    """`change` of an array, or of each array of a dict; of None it is None."""
    if x is None:
        return None
    return {name: change(each) for name, each in x.items()} if isinstance(x, dict) else change(x)


def part_of(batch, own):
    """The `Part` of a whole batch that `own` cuts out: a function of its rows that returns a slice of them."""
    x, y, lengths, weight = batch
    rows = len(y)
    mine = own(rows)
    if mine == slice(0, rows):
        return Part(batch, rows, lengths)
    return Part(tuple(each_of(each, lambda a: a[mine]) for each in batch), rows, lengths)
