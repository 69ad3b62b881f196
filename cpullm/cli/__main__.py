"""`python -m cpullm.cli`, where the command itself is not on the path."""

import sys

from cpullm.cli import main

sys.exit(main())
