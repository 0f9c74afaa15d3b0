"""Random parameters and inputs for the tests, with the names and shapes that `lstm` reads."""


def random_params(
    rng,
    I,
    H,
    num_layers=1,
    bidirectional=False,
    bias=True,
    P=0,
    peephole=False,
    layer_norm=False,
    learned_state=False,
    merge="concat",
    scale=0.5,
):
    """Normal parameters for `lstm_forward`; H and P may be lists, one entry a layer."""
    widths = H if isinstance(H, (list, tuple)) else [H] * num_layers
    projections = P if isinstance(P, (list, tuple)) else [P] * len(widths)
    normal = lambda *shape: scale * rng.standard_normal(shape)
    params = {}
    for k, (h, p) in enumerate(zip(widths, projections)):
        out = p or h
        for suffix in [f"l{k}", f"l{k}_reverse"][: 2 if bidirectional else 1]:
            params[f"weight_ih_{suffix}"] = normal(4 * h, I)
            params[f"weight_hh_{suffix}"] = normal(4 * h, out)
            if bias:
                params[f"bias_{suffix}"] = normal(4 * h)
            if p:
                params[f"weight_hr_{suffix}"] = normal(p, h)
            if peephole:
                params[f"peephole_{suffix}"] = normal(3 * h)
            if layer_norm:
                params[f"norm_weight_{suffix}"] = 1 + normal(4 * h)
                params[f"norm_cell_weight_{suffix}"] = 1 + normal(h)
                params[f"norm_cell_bias_{suffix}"] = normal(h)
            if learned_state:
                params[f"h0_{suffix}"] = normal(out)
                params[f"c0_{suffix}"] = normal(h)
        I = out * (2 if bidirectional and merge == "concat" else 1)
    return params
