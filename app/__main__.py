"""``python -m app`` is ``inferencebench``."""

import sys

from app.cli.main import main

sys.exit(main())
