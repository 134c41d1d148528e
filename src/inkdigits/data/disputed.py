"""Test images of MNIST whose given label most people would not give them.

Source: Northcutt, Athalye and Mueller 2021, "Pervasive label errors in test sets destabilize
machine learning benchmarks" (arXiv 2103.14749), and its answers in the repository
cleanlab/label-errors, ``mturk/mnist_mturk.json``: of five people each, asked about 100 images of
which a network doubted the label, fewer than three chose the given one. The labels themselves are
left as they are, and nothing is selected by this list: a figure without these images stands beside
the one with all.
"""

# Of the 10,000 test images in MNIST's order, from 0.
DISPUTED = (
    947,
    1621,
    1901,
    2130,
    2462,
    2597,
    2654,
    3520,
    3558,
    5937,
    6651,
    6783,
    8527,
    9679,
    9729,
)
