"""`tsreward`, and `python -m tsreward` for where it is installed but not on the path."""

import sys


def start() -> int:
    """Run the command line; Ctrl-C ends it without a traceback while it is still being imported, too."""
    try:
        from tsreward.cli.main import main

        return main()
    except KeyboardInterrupt:
        print("tsreward: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(start())
