"""Single requests over plain HTTP to this machine, each on a connection of its own.

``httpx.get`` reads the certificates that the machine trusts every time, 25 ms of work that a request over plain HTTP
never uses; while a test waits for a server to start, that slows the start.
"""

import httpx

_CLIENT = httpx.Client(verify=False, limits=httpx.Limits(max_keepalive_connections=0))
get, post, request = _CLIENT.get, _CLIENT.post, _CLIENT.request
