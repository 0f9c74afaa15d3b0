from .base import Layer

class Reverse(Layer):
    def __init__(self) -> None: ...
