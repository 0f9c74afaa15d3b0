"""The applications' models in PyTorch: the same data, sizes, loss, schedule and epochs, packed sequences, for score and time."""
