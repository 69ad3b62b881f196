"""`python -m cpullm.cli`, where the command itself is not on the path; and the file that spark-submit starts."""

import sys

from cpullm.cli import main

if __name__ == "__main__":
    sys.exit(main())
