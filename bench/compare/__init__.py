"""The same LSTM work in eigenlstm and in its peers, timed in one run: ``python -m bench.compare``. See README.md."""
