"""The worker: the timetable and its jobs, each a call into :mod:`app`."""
