"""What a model is trained for: a loss of its outputs, or a loss that is computed together with its last layer."""

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
        """``model._run(...)``; without its last layer if the loss is computed together with that."""
        return model._run(*arguments) if self.head is None else model._run(*arguments, until_head=True)

    def sums(self, y, y_true, weight, lengths, need_gradient=True):
        """``(LossSum, dy)`` for the result of `run`. A last layer that takes part in the loss adds to its gradients."""
        if self.head is None:
            return self._sums(y, y_true, weight, lengths)
        return self.loss.through(self.head, y, y_true, weight, lengths, need_gradient=need_gradient)

    def predictions(self, y, lengths):
        """The outputs of the model, from the result of `run`."""
        return y if self.head is None else self.head.forward(y, lengths=lengths, training=False)[0]


def described(loss):
    """A loss as text, so that a resumed run can check that it has the same loss."""
    loss = losses.get(loss)
    return repr(loss) if isinstance(loss, Loss) else getattr(loss, "__qualname__", type(loss).__qualname__)


def per_step(loss):
    """Whether the targets of `loss` have a value for each step. They do unless its attribute `per_step` is false."""
    return getattr(losses.get(loss), "per_step", True)
