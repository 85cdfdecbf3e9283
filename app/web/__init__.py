"""What every page shares: rendering once and serving bytes, headers, limits, form bodies, static files."""
