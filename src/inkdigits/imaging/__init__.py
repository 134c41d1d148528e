"""From a picture's bytes to crops of ink, and back to a picture that shows what was read.

``decode`` makes pixels of anything, ``ink`` leaves only the strokes of them, ``segment`` finds
the digits and their lines, and ``draw`` shows the reading. None of them knows a model.
"""
