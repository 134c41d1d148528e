"""How many strips of other writers a line reader reads wholly right.

    inkdigits train --config configs/lines.toml --out runs/lines
    python benchmarks/line_reader.py runs/lines [--record]

The strips are those that the run was validated on: three in ten of them what the reader finds close
together on synthetic pages, the others put together, with letters among them, and often hard for
people too. Its weight on pages is measured by synthetic_pages.py and pages.py.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from book import write_record

from inkdigits.cli.common import extra
from inkdigits.files import write_text
from inkdigits.imaging.strips import WIDTH_STEP_PX
from inkdigits.strings import greedy

with extra("train", "Evaluating a run"):
    import keras

    from inkdigits.training.examples import as_ink
    from inkdigits.training.lines import describe_lines, string_of
    from inkdigits.training.run import Run
    from inkdigits.training.strips import Strips


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    run = Run.open(arguments.run)
    facts, model = describe_lines(run), run.load_model()
    strips = Strips.load(run.folder / "strips-validation.npz")
    right: dict[int, list[bool]] = {}
    for pixels, marks in zip(strips.pixels, strips.marks, strict=True):
        ink = np.pad(as_ink(pixels), ((0, 0), (0, -pixels.shape[1] % WIDTH_STEP_PX)))
        logits = keras.ops.convert_to_numpy(model(ink[None], training=False))[0]
        truth = tuple(string_of(marks))
        right.setdefault(min(len(truth), 6), []).append(greedy(logits) == truth)
    every = [is_right for length in right.values() for is_right in length]
    rows = [
        f"{f'{length} or more' if length == 6 else length} marks: {len(found)} strips, "
        f"{np.mean(found):.1%} wholly right"
        for length, found in sorted(right.items())
    ]
    rows.append(f"all: {len(every)} strips, {np.mean(every):.1%} wholly right")
    print("\n".join(rows))
    if arguments.record:
        training = facts["training"]
        environment = training["environment"]
        text = (
            f"{(__doc__ or '').partition(chr(10))[0]}\n\n"
            f"{model.count_params():,} parameters; 1 seed; {environment['num_train']:,} strips to "
            f"learn from. {environment['split']}\n\n```text\n" + "\n".join(rows) + "\n```"
        )
        figures: dict[str, Any] = {
            "strips": len(every),
            "right": float(np.mean(every)),
            "by_length": {length: float(np.mean(found)) for length, found in right.items()},
            "config": training["config"],
        }
        log = "".join(json.dumps(row) + "\n" for row in run.history())
        folder = write_record("lines", text, figures, log, environment)
        write_text(folder / "config.toml", run.config().to_toml())
        print(folder)


if __name__ == "__main__":
    main()
