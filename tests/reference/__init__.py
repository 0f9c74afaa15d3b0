"""The oracle: the LSTM in float64 NumPy, written as the papers write it and never optimised.

`textbook`     the plain cell as a lecture shows it: one matrix per gate on [h, x]. Start here.
`cell`         one step with every variant, forward beside backward.
`lstm`         directions, ragged rows, stacks: what `eigenlstm.LSTM` computes, forward and backward.
`activations`  the functions of the ONNX operator with their derivatives.
`onnx_lstm`    the ONNX operator (its layouts and attributes) on top of `lstm`.
`gradcheck`    central differences.

Sizes B T I H P (batch, time, input, hidden, projected); gates i f g o, always in this order.
"""
