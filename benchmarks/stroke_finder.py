"""How much of what was written a stroke finder finds, and how much else, beside the way without it.

    inkdigits train --config configs/strokes.toml --out runs/strokes
    python benchmarks/stroke_finder.py runs/strokes [--record]

Pages are drawn, with digits of the writers that the run was validated on, 30 px high, and have the
rulings that it learned from. Overlap: the pixels of ink by both, as a share of those by either.
What it is worth for reading is measured by synthetic_pages.py and pages.py.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from book import write_record
from numpy.typing import NDArray

from inkdigits.cli.common import extra
from inkdigits.data import load
from inkdigits.data.splits import split_validation
from inkdigits.files import write_text
from inkdigits.imaging.ink import page_ink
from inkdigits.imaging.strokes import by_rules, find_strokes
from inkdigits.synthesis.page import synthetic_page

with extra("train", "Evaluating a run"):
    import keras

    from inkdigits.training.run import Run
    from inkdigits.training.strokes import describe_strokes

KINDS: dict[str, dict[str, Any]] = {
    "lines": {"layout": "lines", "ruling": False},
    "ruled lines": {"layout": "lines", "ruling": True},
    "boxes": {"layout": "boxes"},
    "tables": {"layout": "table"},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--pages", type=int, default=50, help="of each kind")
    parser.add_argument("--seed", type=int, default=20_261_126)
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    run = Run.open(arguments.run)
    facts, model = describe_strokes(run), run.load_model()
    mnist, split = load("mnist", "train"), run.config().data
    unseen = mnist.take(split_validation(mnist, split.validation_share, split.seed).validation)

    def network(seen: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(keras.ops.convert_to_numpy(model(seen[None], training=False))[0])

    rows, figures = [], {}
    for kind, options in KINDS.items():
        rng = np.random.default_rng(arguments.seed)
        found: dict[str, list[float]] = {"with it": [], "without it": []}
        seconds, megapixels = 0.0, 0.0
        for _ in range(arguments.pages):
            page = synthetic_page(
                rng, digits=(unseen.images, unseen.labels), digit_px=30.0, varied=True, **options
            )
            started = time.perf_counter()
            with_it = page_ink(page.picture, partial(find_strokes, network))
            seconds += time.perf_counter() - started
            without_it = page_ink(page.picture, by_rules)
            for way, ink in (("with it", with_it), ("without it", without_it)):
                found[way].append(overlap(ink, page.ink))
            megapixels += page.ink.size / 1e6
        figures[kind] = {way: float(np.mean(values)) for way, values in found.items()}
        rows.append(
            f"{kind}: {arguments.pages} pages, overlap with what was written: "
            + ", ".join(f"{way} {share:.1%}" for way, share in figures[kind].items())
        )
        print(rows[-1], f"({seconds / megapixels:.1f} s a megapixel, by Keras)")
    if arguments.record:
        training = facts["training"]
        environment = training["environment"]
        text = (
            f"{(__doc__ or '').partition(chr(10))[0]}\n\n"
            f"{model.count_params():,} parameters; 1 seed; {environment['num_train']:,} patches "
            f"to learn from. {environment['split']}\n\n```text\n" + "\n".join(rows) + "\n```"
        )
        log = "".join(json.dumps(row) + "\n" for row in run.history())
        folder = write_record(
            "strokes", text, figures | {"config": training["config"]}, log, environment
        )
        write_text(folder / "config.toml", run.config().to_toml())
        print(folder)


def overlap(ink: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Of the pixels that are ink by both among those that are by either; pages of one size."""
    is_ink, is_true = ink > 0.4, truth > 0.4
    return float((is_ink & is_true).sum() / max(1, (is_ink | is_true).sum()))


if __name__ == "__main__":
    main()
