"""`python -m engine generate …`: the command line without an installation."""

import sys

from engine.cli import main

sys.exit(main())
