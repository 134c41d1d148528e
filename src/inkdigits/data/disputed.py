"""Images of MNIST whose given label most people would not give them.

The labels themselves are left as they are, and nothing is trained or chosen by these lists. Of the
test images, a figure without these stands beside the one with all. Of the training images, those
that are validated on are left out of calibration, which would take a right answer for a sure error.

Sources. Test: Northcutt, Athalye and Mueller 2021, "Pervasive label errors in test sets destabilize
machine learning benchmarks" (arXiv 2103.14749), and its answers in the repository
cleanlab/label-errors, ``mturk/mnist_mturk.json``: of five people each, asked about 100 images of
which a network doubted the label, fewer than three chose the given one. Train: Northcutt, Jiang and
Chuang 2021, "Confident learning: estimating uncertainty in dataset labels" (arXiv 1911.00068): of
the images whose label a network doubted that had not learned it, those that the authors marked as
wrong in ``examples/mnist/label_errors_mnist_train_cnn.ipynb`` of cleanlab/cleanlab, 357e2ad.
"""

DISPUTED = {  # in MNIST's order, from 0
    "train": (
        2676,
        7080,
        10994,
        21601,
        24798,
        25678,
        26560,
        29922,
        31727,
        40144,
        40466,
        43454,
        51248,
        53396,
        54264,
        57662,
        59915,
    ),
    "test": (
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
    ),
}
