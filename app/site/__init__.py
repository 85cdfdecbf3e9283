"""The front page, the status page, the API's documentation, and the addresses every site has."""
