"""``python benchmarks/paper TARGET``: see command.py."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # a busy neighbour must not stall torch
sys.path[0] = str(Path(__file__).parents[1])  # so that the modules here are ``paper.…``

if __name__ == "__main__":
    from paper.command import main

    sys.exit(main())
