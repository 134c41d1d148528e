"""`inkdigits models`: the networks that can be trained."""

from inkdigits.cli.common import extra


def models() -> None:
    """List the networks: parameters, multiply-adds, and what each is."""
    with extra("train", "Listing the networks"):
        from inkdigits.models.zoo import NETWORKS, build_network, multiply_adds
    print(f"{'name':<12}{'parameters':>12}{'multiply-adds':>15}  what")
    for name, make in NETWORKS.items():
        network = build_network(name)
        what = (make.__doc__ or "").partition("\n")[0]
        print(f"{name:<12}{network.count_params():>12,}{multiply_adds(network):>15,}  {what}")
