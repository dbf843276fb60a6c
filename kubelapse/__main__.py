"""`python -m kubelapse` is the command line."""

import sys

from kubelapse.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["kubelapse", *sys.argv[1:]]))
