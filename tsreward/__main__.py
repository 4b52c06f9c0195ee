"""`python -m tsreward` is the command `tsreward`, for where it is installed but not on the path."""

import sys

from tsreward.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
