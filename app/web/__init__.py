"""What every page shares: preparing and serving bytes, headers, errors, rendering, static files."""
