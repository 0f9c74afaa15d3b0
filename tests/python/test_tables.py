"""Tables of text, as `Sequential.summary` returns them."""

import copy
import pickle

import pytest

import eigenlstm as el
from eigenlstm.tables import Table


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))])
def test_a_copy_is_the_same_table(copied):
    summary = el.Sequential([el.LSTM(2, 3), el.Last(), el.Linear(3, 1)]).summary()
    for table in (summary, Table([("name", "value"), ("a", "1")])):
        got = copied(table)
        assert type(got) is Table and got == table and repr(got) == repr(table) == str(table)


def test_columns_are_aligned():
    table = Table([("layer", "parameters"), ("LSTM", "84"), ("Linear", "4")], footer="88 in all")
    assert table.splitlines() == [
        "layer   parameters",
        "------------------",
        "LSTM            84",
        "Linear           4",
        "------------------",
        "88 in all",
    ]
