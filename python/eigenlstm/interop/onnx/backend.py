"""The interface of ONNX's backend tests: ``prepare(model).run(inputs)``."""

from onnx.backend.base import Backend, BackendRep

from .session import Session


class SessionRep(BackendRep):
    """A `Session` that takes its inputs in the graph's order."""

    def __init__(self, session):
        self._session = session
        self._names = [value.name for value in session.get_inputs()]

    def run(self, inputs, **kwargs):
        feed = inputs if isinstance(inputs, dict) else dict(zip(self._names, inputs))
        return tuple(self._session.run(None, feed))


class EigenlstmBackend(Backend):
    """Runs models in `Session`, on the CPU."""

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        super().prepare(model, device, **kwargs)  # checks the model
        return SessionRep(Session(model, **kwargs))

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def supports_device(cls, device):
        return device == "CPU"


is_compatible = EigenlstmBackend.is_compatible
prepare = EigenlstmBackend.prepare
run = EigenlstmBackend.run_model
run_model = EigenlstmBackend.run_model
supports_device = EigenlstmBackend.supports_device
