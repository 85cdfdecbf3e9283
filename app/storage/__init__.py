"""Storage. ``engine`` is the one way in: statements as ``{}`` templates, rows as records with names, transactions,
versions. ``sqlite``, ``write_ahead_log`` and ``database_file`` are what SQLite alone does or understands; ``locks`` are
between processes.
"""
