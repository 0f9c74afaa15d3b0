"""PyTorch's activations, modules and functions, as the activations of this package."""

from torch import nn

# Of a module: the name and the parameters of ours; None where its settings have no counterpart.
_MODULES = {
    nn.ReLU: lambda part: ("relu",),
    nn.ReLU6: lambda part: ("relu6",),
    nn.Tanh: lambda part: ("tanh",),
    nn.Sigmoid: lambda part: ("sigmoid",),
    nn.Softsign: lambda part: ("softsign",),
    nn.SELU: lambda part: ("selu",),
    nn.SiLU: lambda part: ("silu",),
    nn.Hardswish: lambda part: ("hard_swish",),
    nn.Hardsigmoid: lambda part: ("hard_sigmoid_keras3",),
    nn.LeakyReLU: lambda part: ("leaky_relu", part.negative_slope),
    nn.ELU: lambda part: ("elu", part.alpha),
    nn.Softplus: lambda part: ("softplus",) if part.beta == 1 else None,
    nn.Threshold: lambda part: ("thresholded_relu", part.threshold) if part.value == 0 else None,
    nn.GELU: lambda part: ("gelu_tanh",) if part.approximate == "tanh" else None,
    nn.Softmax: lambda part: ("softmax",) if part.dim == -1 else None,
    nn.LogSoftmax: lambda part: ("log_softmax",) if part.dim == -1 else None,
}
_FUNCTIONS = {kind.__name__.lower(): kind for kind in _MODULES}  # torch.tanh, F.relu6, x.sigmoid() ...
_FUNCTIONS |= {"leaky_relu": nn.LeakyReLU, "log_softmax": nn.LogSoftmax}


def is_activation(part):
    """Whether `part` is a module that is an activation."""
    return type(part) in _MODULES


def activation(part):
    """The arguments of our Activation for a module, None if it has settings that ours has not."""
    return _MODULES[type(part)](part)


def of_function(name, arguments, keywords):
    """The module that does what a function of torch does with `arguments` after its input, None if there is none."""
    if name not in _FUNCTIONS:
        return None
    known = {key: value for key, value in keywords.items() if key not in ("_stacklevel", "dtype", "inplace")}
    return _FUNCTIONS[name](*arguments, **known)
