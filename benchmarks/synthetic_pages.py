"""Pages whose truth is known: touching digits, rulings, shadow, words, desks, drawn by inkdigits.

    python benchmarks/synthetic_pages.py --pages 500 --record

The digits are drawn, or of MNIST's validation writers, whom the shipped networks were not trained
on. The pages follow from the seed; nothing was tuned on them, but two showed that imaging/grain.py
took them for chalk. Each page is read as it is shipped, and without the stroke finder: by what
stands out from the paper, and rulings taken away by rules.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from book import write_record

from inkdigits.bundle import Bundle
from inkdigits.data import load
from inkdigits.data.splits import split_validation
from inkdigits.evaluation.pages import PageMetrics, measure_page, total
from inkdigits.reader import Reader
from inkdigits.synthesis.page import SyntheticPage, synthetic_page
from inkdigits.synthesis.photos import photographed

HARD_LIGHT = "sheets on tables, hard light"
KINDS: dict[str, dict[str, Any]] = {
    "touching, ruled, shadow": {"touching": 0.3, "ruling": True, "shadow": True},
    "whatever comes": {},
    "uneven figures": {"uneven": 0.2},
    "among words": {"strange": 0.4},
    "rows that touch": {"layout": "lines", "pitch": 1.2},
    HARD_LIGHT: {"touching": 0.0, "photo": False, "shadow": False},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20_261_122)
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    rows = []
    with ProcessPoolExecutor() as pool:
        jobs = [(kind, arguments.pages, arguments.seed) for kind in KINDS]
        for kind, scores in zip(KINDS, pool.map(read, *zip(*jobs, strict=True)), strict=True):
            rows.append(f"{kind}: {arguments.pages} pages")
            figures[kind] = {}
            for way, whole in scores.items():
                figures[kind][way] = whole.to_dict()
                rows.append(
                    f"    {way:<28}{whole.digits} digits: digit error rate "
                    f"{whole.digit_error_rate:.1%}, lines right "
                    f"{whole.lines_right / whole.lines:.1%}, answered {whole.coverage:.1%}, "
                    f"wrong among them {whole.error_when_ok:.2%}"
                )
            print("\n".join(rows[-1 - len(scores) :]), flush=True)
    if arguments.record:
        log = "\n".join(rows)
        text = f"{(__doc__ or '').partition(chr(10))[0]}\n\n```text\n{log}\n```"
        print(write_record("synthetic-pages", text, figures, log + "\n"))


def read(kind: str, num_pages: int, seed: int) -> dict[str, PageMetrics]:
    """Read the pages of one kind in each way."""
    mnist = load("mnist", "train")
    unseen = mnist.take(split_validation(mnist, 0.1, 0).validation)
    shipped = Bundle.open()
    without = Bundle(shipped.manifest, shipped.graph, lines=shipped.lines)
    readers = {"as shipped": Reader(shipped), "without the stroke finder": Reader(without)}
    rng = np.random.default_rng(seed)
    scores: dict[str, list[PageMetrics]] = {way: [] for way in readers}
    for _ in range(num_pages):
        page = draw(kind, rng, (unseen.images, unseen.labels))
        for way, reader in readers.items():
            found = reader.read(page.picture)
            said = [[(digit.value, digit.status) for digit in line.digits] for line in found.lines]
            scores[way].append(measure_page(page.lines, said))
    return {way: total(of_pages) for way, of_pages in scores.items()}


def draw(kind: str, rng: np.random.Generator, digits: tuple[Any, Any]) -> SyntheticPage:
    """Draw the next page of a kind."""
    if kind != HARD_LIGHT:
        return synthetic_page(rng, digits=digits, **KINDS[kind])
    digit_px = float(np.exp(rng.uniform(np.log(22), np.log(70))))
    page = synthetic_page(rng, digits=digits, digit_px=digit_px, **KINDS[kind])
    return photographed(page, rng)


if __name__ == "__main__":
    main()
