"""How a batch is cut into shards, which rank has which of them, and the tree by which their gradients are added.

The tree over shards [start, stop) has as its left branch the largest power of two of them that leaves some for the
right one. It depends on the number of shards alone: ranks add what they have of it, and the rest is added by the rank
that owns a slice of the gradients, in the same order whatever the number of ranks.
"""

from ..checks import positive_int

AUTO = "auto"
_LEAST, _MOST, _ROWS = 8, 64, 16  # shards of a batch, and rows of one where there are more than the least


def checked_shards(shards, where):
    """`shards` as `fit` takes it: a number, or "auto"."""
    if isinstance(shards, str):
        if shards != AUTO:
            raise ValueError(f'{where} must be a number or "auto", got {shards!r}')
        return shards
    return positive_int(shards, where)


def cuts_of(rows, shards):
    """The first row of each shard of a batch of so many rows, and the end: no shard is empty.

    The rule of "auto" looks at the rows alone, so that it is the same for any number of processes: 8 shards, which
    gives 8 processes work; of large batches one for each 16 rows, since smaller ones would take longer; 64 at most.
    """
    if shards == AUTO:
        shards = min(max(_LEAST, rows // _ROWS), _MOST)
    shards = max(1, min(shards, rows))
    return [rows * shard // shards for shard in range(shards + 1)]


def owned(shards, rank, size):
    """The range of shards that `rank` has of `size` ranks."""
    return range(shards * rank // size, shards * (rank + 1) // size)


def middle(start, stop):
    """Where the tree over shards [start, stop) branches."""
    return start + (1 << (stop - start - 1).bit_length() - 1)


def cover(start, stop, shards):
    """The fewest branches of the tree over `shards` shards that make up [start, stop), as pairs (start, stop)."""
    found = []

    def walk(low, high):
        if low >= stop or high <= start:
            return
        if start <= low and high <= stop:
            found.append((low, high))
            return
        walk(low, middle(low, high))
        walk(middle(low, high), high)

    walk(0, shards)
    return found


def added(start, stop, known):
    """The sum of a branch: `known(start, stop)`, or None where it is the sum of two branches."""
    value = known(start, stop)
    if value is not None:
        return value
    branch = middle(start, stop)
    return added(start, branch, known) + added(branch, stop, known)


def rows_of_rank(rows, rank, size, shards=AUTO):
    """The rows of a batch of `rows` rows that a rank computes, as a slice.

    What a generator needs that is told its rank (see `eigenlstm.training.fit.fit`): it reads these rows of each batch.

    >>> [el.distributed.rows_of_rank(32, rank, 3) for rank in range(3)]
    [slice(0, 8, None), slice(8, 20, None), slice(20, 32, None)]

    Parameters
    ----------
    rows : int
        Of the whole batch.
    rank, size : int
        The rank, of how many.
    shards : int or "auto"
        The argument of `fit`.
    """
    for name, value in (("rows", rows), ("size", size)):
        positive_int(value, f"rows_of_rank: {name}")
    checked_shards(shards, "rows_of_rank: shards")
    if not 0 <= rank < size:
        raise ValueError(f"rows_of_rank: rank must lie in 0..{size - 1}, got {rank!r}")
    cuts = cuts_of(rows, shards)
    mine = owned(len(cuts) - 1, rank, size)
    return slice(cuts[mine.start], cuts[mine.stop])
