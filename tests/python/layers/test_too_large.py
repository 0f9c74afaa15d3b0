"""A layer that fits no memory says so."""

import pytest

import eigenlstm as el


@pytest.mark.parametrize(
    "make",
    [lambda: el.LSTM(10**6, 10**6), lambda: el.Linear(10**6, 10**7), lambda: el.Embedding(10**9, 10**5)],
)
def test_the_size_is_named(make):
    with pytest.raises(MemoryError, match=r"[\d,]+ parameters of float32 and their gradients need [\d,.]+ GiB"):
        make()
