"""The same training run here and in PyTorch: same data, initial weights, batches, optimiser."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.training.batches import epoch_key

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
            rows = order[i : i + batch_size]
            value = loss(model(torch.from_numpy(x[rows])), torch.from_numpy(y[rows]))
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            optimizer.step()
            values.append(value.item())
    return values


OPTIMIZERS = {
    "Adam": (lambda: el.Adam(2e-3), lambda p: torch.optim.Adam(p, 2e-3)),
    "SGD": (lambda: el.SGD(0.02, 0.9, nesterov=True), lambda p: torch.optim.SGD(p, 0.02, 0.9, nesterov=True)),
}


@pytest.mark.parametrize(
    "kind, optimizer, dtype, bound",
    [
        ("mse", "Adam", "float32", 1e-3),
        ("cross_entropy", "Adam", "float32", 1e-3),
        ("mse", "Adam", "float64", 1e-8),
        ("mse", "SGD", "float64", 1e-8),
    ],
)
def test_200_steps_follow_each_other(kind, optimizer, dtype, bound):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((320, 20, 4)).astype(dtype)
    score = x[:, :, 0].sum(1) * 0.2
    y = score[:, None] if kind == "mse" else np.digitize(score, [-0.5, 0.5])
    outputs = 1 if kind == "mse" else 3
    theirs = Theirs(4, 24, 2, outputs).to(getattr(torch, dtype))
    ours = el.Sequential([el.LSTM(4, 24, num_layers=2, dtype=dtype), el.Last(), el.Linear(24, outputs, dtype=dtype)])
    ours.load_state_dict(
        {name.replace("lstm.", "0.").replace("head.", "2."): value for name, value in theirs.state_dict().items()}
    )
    values, loss = [], el.losses.get(kind)

    def recorded(*arguments):
        value, dy = loss(*arguments)
        values.append(value)
        return value, dy

    our_optimizer, their_optimizer = OPTIMIZERS[optimizer]
    ours.fit(x, y, loss=recorded, optimizer=our_optimizer(), epochs=20, batch_size=32, clip_norm=1.0, seed=0, verbose=0)
    their_loss = torch.nn.MSELoss() if kind == "mse" else torch.nn.CrossEntropyLoss()
    trained = [parameter for parameter in theirs.parameters() if parameter.requires_grad]
    expected = losses_of_torch(theirs, x, y, their_loss, their_optimizer(trained), 20, 32, 1.0)
    assert len(values) == 200
    np.testing.assert_allclose(values, expected, atol=bound, rtol=0)
    assert np.mean(values[-20:]) < 0.6 * np.mean(values[:20])
