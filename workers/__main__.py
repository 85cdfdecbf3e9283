"""``python -m workers``: the worker, with the queue that ``INFERENCEBENCH_REDIS_URL`` names."""

import sys

from workers.main import main

if __name__ == "__main__":
    sys.exit(main())
