"""The page in Chromium: thirty drawn digits, the time from stroke to answer, the first load.

    make web && python benchmarks/page.py [--record]

The digits are drawn stroke by stroke in three ways of writing each, with inkdigits serve behind the
page. The time runs from the end of a stroke until the document shows the answer.
"""

import argparse
import json
import subprocess
from pathlib import Path

from book import write_record

ROOT = Path(__file__).parent.parent
OUT = ROOT / "out" / "page"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    tests = "each digit in three ways|first load"
    command = ["npx", "playwright", "test", "--grep", tests]
    done = subprocess.run(command, cwd=ROOT / "web", check=True, capture_output=True, text=True)
    figures = {
        name: json.loads((OUT / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("draw", "load")
    }
    draw, megabytes = figures["draw"], figures["load"]["bytes"] / 1e6
    log = (
        f"drawn digits read rightly    {draw['right']} of {draw['of']}\n"
        f"stroke to answer             median {draw['stroke_to_answer_p50_ms']} ms, "
        f"95th percentile {draw['stroke_to_answer_p95_ms']} ms, {draw['answers']} answers\n"
        f"ready after                  {draw['ready_ms']} ms on loopback\n"
        f"first load over the wire     {megabytes:.2f} MB"
    )
    print(log)
    if arguments.record:
        text = f"{__doc__.partition(chr(10))[0]}\n\n```text\n{log}\n```"
        print(write_record("page", text, figures, f"{done.stdout}\n{log}\n"))


if __name__ == "__main__":
    main()
