"""The command `inkdigits`, and `python -m inkdigits`, where its script is not on the path."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while that is still being imported is 130, too."""
    try:
        from inkdigits.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
