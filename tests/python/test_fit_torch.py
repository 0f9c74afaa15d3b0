"""The same training run here and in PyTorch: same data, initial weights, batches, optimiser."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.batches import epoch_key

torch = pytest.importorskip("torch", reason="the peer")


class Theirs(torch.nn.Module):
    def __init__(self, features, hidden, layers, outputs):
        super().__init__()
        self.lstm = torch.nn.LSTM(features, hidden, layers, batch_first=True)
        self.head = torch.nn.Linear(hidden, outputs)
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias_hh"):  # PyTorch's two biases move the sum twice as fast as our one
                parameter.requires_grad_(False)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def losses_of_torch(model, x, y, loss, optimizer, epochs, batch_size, clip_norm):
    """What a PyTorch user would write, with the batches that our fit draws from seed 0."""
    values = []
    for epoch in range(epochs):
        order = np.random.Generator(np.random.PCG64(epoch_key(0, epoch))).permutation(len(x))
        for i in range(0, len(x), batch_size):
            rows = order[i:i + batch_size]
            value = loss(model(torch.from_numpy(x[rows])), torch.from_numpy(y[rows]))
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            optimizer.step()
            values.append(value.item())
    return values


@pytest.mark.parametrize("kind, optimizers", [
    ("mse", (lambda: el.Adam(3e-3), lambda p: torch.optim.Adam(p, 3e-3))),
    ("cross_entropy", (lambda: el.Adam(3e-3), lambda p: torch.optim.Adam(p, 3e-3))),
    ("mse", (lambda: el.SGD(0.02, 0.9, nesterov=True),
             lambda p: torch.optim.SGD(p, 0.02, 0.9, nesterov=True))),
])
def test_200_steps_follow_each_other(kind, optimizers):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((320, 20, 4)).astype("f")
    score = x[:, :, 0].sum(1) * 0.2
    y = score[:, None].astype("f") if kind == "mse" else np.digitize(score, [-0.5, 0.5])
    theirs = Theirs(4, 24, 2, 1 if kind == "mse" else 3)
    ours = el.Sequential([el.LSTM(4, 24, num_layers=2), el.Last(), el.Linear(24, 1 if kind == "mse" else 3)])
    state = {name.replace("lstm.", "0.").replace("head.", "2."): value for name, value in theirs.state_dict().items()}
    ours.load_state_dict(state)

    values = []
    loss = el.losses.get(kind)

    def recorded(*arguments):
        value, dy = loss(*arguments)
        values.append(value)
        return value, dy

    ours.fit(x, y, loss=recorded, optimizer=optimizers[0](), epochs=20, batch_size=32, clip_norm=1.0, seed=0, verbose=0)
    trained = [parameter for parameter in theirs.parameters() if parameter.requires_grad]
    their_loss = torch.nn.MSELoss() if kind == "mse" else torch.nn.CrossEntropyLoss()
    expected = losses_of_torch(theirs, x, y, their_loss, optimizers[1](trained), 20, 32, 1.0)
    assert len(values) == 200
    np.testing.assert_allclose(values, expected, atol=1e-3)
    assert np.mean(values[-20:]) < 0.5 * np.mean(values[:20])
