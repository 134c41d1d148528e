"""`inkdigits models`: the networks that can be trained."""

import json
from importlib import resources

from inkdigits.cli.common import extra
from inkdigits.models import LINE_READER, STROKE_FINDER


def models() -> None:
    """List the networks: parameters, multiply-adds, recorded accuracy, and what each is.

    The accuracy is that on MNIST's 10,000 test images, as the record book in benchmarks/records
    has it: mean ± standard deviation, and in parentheses over how many seeds.
    """
    with extra("train", "Listing the networks"):
        from inkdigits.models.lines import build_line_reader
        from inkdigits.models.strokes import build_stroke_finder
        from inkdigits.models.zoo import NETWORKS, build_network, multiply_adds
    records = json.loads(
        resources.files("inkdigits.models").joinpath("records.json").read_text(encoding="utf-8")
    )
    print(f"{'name':<14}{'parameters':>12}{'multiply-adds':>15}{'MNIST test':>20}  what")
    for name, make in NETWORKS.items():
        network = build_network(name)
        what = (make.__doc__ or "").partition("\n")[0].replace("``", "")
        print(
            f"{name:<14}{network.count_params():>12,}{multiply_adds(network):>15,}"
            f"{_recorded(records.get(name)):>20}  {what}"
        )

    for name, make_part, what in (
        (LINE_READER, build_line_reader, "Reads strips of digits that touch"),
        (STROKE_FINDER, build_stroke_finder, "Finds what was written on a page"),
    ):
        print(
            f"{name:<14}{make_part().count_params():>12,}{'–':>15}{'–':>20}  "
            f"{what}; it goes into a bundle beside one of the others."
        )


def _recorded(record: dict[str, float] | None) -> str:
    if record is None:
        return "–"
    spread = f" ± {record['deviation']:.2%}" if record["seeds"] > 1 else ""
    return f"{record['mean']:.2%}{spread} ({record['seeds']})"
