"""``python -m app`` is ``inferencebench``."""

import sys

from app.cli import main

sys.exit(main())
