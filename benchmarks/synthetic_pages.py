"""Pages whose truth is known: touching digits, rulings, shadow and words, drawn by inkdigits.

    python benchmarks/synthetic_pages.py --pages 500 --record

The digits are drawn, or of MNIST's validation writers, whom the shipped network was not trained on.
The pages follow from the seed; nothing was tuned on them. Each page is read as it is shipped, and
by cuts alone, without the line reader.
"""

import argparse
from typing import Any

import numpy as np
from book import write_record

from inkdigits.bundle import Bundle
from inkdigits.data import load
from inkdigits.data.splits import split_validation
from inkdigits.evaluation.pages import PageMetrics, measure_page, total
from inkdigits.reader import Reader
from inkdigits.synthesis.page import synthetic_page

KINDS = {
    "touching, ruled, shadow": {"touching": 0.3, "ruling": True, "shadow": True},
    "whatever comes": {},
    "among words": {"strange": 0.4},
    "rows that touch": {"layout": "lines", "pitch": 1.2},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20_261_122)
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    mnist = load("mnist", "train")
    unseen = mnist.take(split_validation(mnist, 0.1, 0).validation)
    shipped = Bundle.open()
    readers = {
        "as shipped": Reader(shipped),
        "by cuts alone": Reader(Bundle(shipped.manifest, shipped.graph)),
    }
    figures: dict[str, dict[str, Any]] = {}
    rows = []
    for kind, options in KINDS.items():
        rng = np.random.default_rng(arguments.seed)
        scores: dict[str, list[PageMetrics]] = {way: [] for way in readers}
        for _ in range(arguments.pages):
            page = synthetic_page(rng, digits=(unseen.images, unseen.labels), **options)
            for way, reader in readers.items():
                found = reader.read(page.picture)
                read = [
                    [(digit.value, digit.status) for digit in line.digits] for line in found.lines
                ]
                scores[way].append(measure_page(page.lines, read))
        rows.append(f"{kind}: {arguments.pages} pages")
        figures[kind] = {}
        for way, of_pages in scores.items():
            whole = total(of_pages)
            figures[kind][way] = whole.to_dict()
            rows.append(
                f"    {way:<15}{whole.digits} digits: digit error rate "
                f"{whole.digit_error_rate:.1%}, lines right {whole.lines_right / whole.lines:.1%}, "
                f"answered {whole.coverage:.1%}, wrong among them {whole.error_when_ok:.2%}"
            )
        print("\n".join(rows[-3:]), flush=True)
    if arguments.record:
        log = "\n".join(rows)
        text = f"{(__doc__ or '').partition(chr(10))[0]}\n\n```text\n{log}\n```"
        print(write_record("synthetic-pages", text, figures, log + "\n"))


if __name__ == "__main__":
    main()
