"""The site's pages, data addresses, feeds and images, and what their templates need."""
