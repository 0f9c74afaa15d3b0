"""`replace`: every LSTM inside a PyTorch model becomes one of this package, in place."""

import torch
from torch import nn

from .torch_modules import LSTM, LSTMCell

_OURS = {nn.LSTM: LSTM, nn.LSTMCell: LSTMCell}
_OTHER_RECURRENT = (nn.RNNBase, nn.RNNCellBase)


class Report:
    """What `replace` did.

    Attributes
    ----------
    replaced : dict of str
        Name of each module that was replaced, as ``model.named_modules()`` has it ("" for the model) -> what it is now.
    kept : dict of str
        Name of each LSTM, or module that looks like one, that was left as it was -> the reason.
    """

    def __init__(self, replaced, kept):
        self.replaced, self.kept = replaced, kept

    def __str__(self):
        lines = [f"replaced {name or '(the model itself)'}: {what}" for name, what in self.replaced.items()]
        lines += [f"kept {name or '(the model itself)'}: {reason}" for name, reason in self.kept.items()]
        return "\n".join(lines) or "there is no LSTM in this model"

    def __repr__(self):
        return f"Report(replaced={self.replaced!r}, kept={self.kept!r})"


def replace(model):
    """Make every torch.nn.LSTM and LSTMCell in `model`, itself included, an `el.torch.LSTM` or `LSTMCell`, in place.

    The modules stay the same objects with the same Parameters: optimizers, hooks, weights shared with other modules and
    names in the state_dict go on as before, and so does the mode, training or evaluation.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    Report
        Printed, it says what was replaced and what was not, with the reason: weights that are not on the CPU or not in
        float32 or float64, subclasses of torch's modules (which may compute something else), other recurrent modules,
        TorchScript.

    Raises
    ------
    TypeError
        If `model` is no torch.nn.Module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"el.torch.replace: model must be a torch.nn.Module, got {type(model).__name__}")
    replaced, kept = {}, {}
    for name, module in model.named_modules():
        if type(module) in _OURS:
            if reason := _unfit(module):
                kept[name] = reason
            else:
                module.__class__ = _OURS[type(module)]  # the object stays, and so do all references to it
                module._set_up()
                replaced[name] = repr(module)
        elif reason := _left_alone(module):
            kept[name] = reason
    return Report(replaced, kept)


def _unfit(module):
    """Why an LSTM of torch's own class cannot be replaced; None if it can."""
    for weight in module.parameters():
        if weight.device.type != "cpu":
            return f"its weights are on {weight.device}, and eigenlstm computes on the CPU"
        if weight.dtype not in (torch.float32, torch.float64):
            return f"its weights are {weight.dtype}, and eigenlstm computes in float32 and float64"
    if getattr(module, "dropout", 0) >= 1 and module.num_layers > 1:
        return "its dropout is 1, which leaves nothing to learn from"
    return None


def _left_alone(module):
    """Why a module that is no torch.nn.LSTM or LSTMCell, but might be taken for one, is left as it is."""
    kind = type(module)
    if isinstance(module, (LSTM, LSTMCell)):
        return "it is eigenlstm's already"
    if nn.utils.parametrize.is_parametrized(module) and isinstance(module, tuple(_OURS)):
        return "it is parametrized; replace it before parametrizing it"
    if isinstance(module, tuple(_OURS)):
        return f"{kind.__module__}.{kind.__qualname__} is a subclass of torch's, and may compute something else"
    if isinstance(module, _OTHER_RECURRENT):
        return f"it is a {kind.__name__}; only LSTMs are replaced"
    if isinstance(module, torch.jit.ScriptModule) and "LSTM" in getattr(module, "original_name", ""):
        return "it was compiled by TorchScript"
    if "lstm" in kind.__name__.lower() and not any(
        isinstance(part, (LSTM, LSTMCell, *_OURS)) for part in module.modules()
    ):
        return f"{kind.__module__}.{kind.__qualname__} is not torch's LSTM, and may compute something else"
    return None
