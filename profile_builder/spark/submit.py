"""What spark-submit runs in place of `python -m profile_builder`, with the same arguments."""

import sys

from profile_builder.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
