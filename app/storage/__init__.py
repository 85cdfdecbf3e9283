"""Where things are kept: the SQLite file, its transactions and migrations.

What only one database engine does stands here.
"""
