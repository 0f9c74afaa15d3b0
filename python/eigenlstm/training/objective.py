"""What a model is trained for: a loss of what it gives, or of what its last layer takes and computes the loss of."""

from ..losses import Loss, losses
from ..losses.heads import HeadLoss


class Objective:
    """A loss for a model.

    Attributes
    ----------
    loss : the loss itself
    head : the last layer of the model, where the loss is computed with it, else None
    """

    def __init__(self, model, loss, where):
        self.loss = losses.get(loss)
        self.head = None
        if isinstance(self.loss, HeadLoss):
            self.head = model._head_layer()
            ends = type(self.head).__name__
            if ends not in self.loss.head:
                raise ValueError(
                    f"{where}: the loss {type(self.loss).__name__} needs a model that ends in a "
                    f"{' or '.join(self.loss.head)}, this {type(model).__name__} "
                    + ("has no single last layer" if self.head is None else f"ends in a {ends}")
                )
        else:
            self._sums = losses.sums_of(self.loss, model.keeps_time)

    def run(self, model, *arguments):
        """``model._run(...)``, up to the head where there is one."""
        return model._run(*arguments) if self.head is None else model._run(*arguments, until_head=True)

    def sums(self, y, y_true, weight, lengths, need_gradient=True):
        """``(LossSum, dy)`` of what `run` gave; a head adds to its gradients."""
        if self.head is None:
            return self._sums(y, y_true, weight, lengths)
        return self.loss.through(self.head, y, y_true, weight, lengths, need_gradient=need_gradient)

    def predictions(self, y, lengths):
        """What the model gives, from what `run` gave."""
        return y if self.head is None else self.head.forward(y, lengths=lengths, training=False)[0]


def described(loss):
    """A loss as text, by which a resumed run knows it again."""
    loss = losses.get(loss)
    return repr(loss) if isinstance(loss, Loss) else getattr(loss, "__qualname__", type(loss).__qualname__)


def per_step(loss):
    """Whether the targets of `loss` have a value for each step; taken to be so unless it says otherwise."""
    return getattr(losses.get(loss), "per_step", True)
