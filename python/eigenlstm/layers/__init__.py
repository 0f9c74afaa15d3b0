"""Layers: parameters in one flat buffer, `forward`, `backward`, and a config that `save` writes."""
