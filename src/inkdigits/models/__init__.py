"""The networks and what stands in front of them: Keras 3, ``keras.ops`` only, on any backend."""

NAMES = ("mlp", "convnet")  # of the networks in ``zoo``, to be known without Keras
