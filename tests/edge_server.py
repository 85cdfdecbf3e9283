"""A real nginx on loopback with the shipped edge configuration, in which ports, paths and certificate are replaced."""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent


def nginx_program() -> str | None:
    """The nginx on this machine, if there is one."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@dataclass
class EdgeServer:
    """A running edge; ``url`` is its public address."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def config(folder: Path, app_port: int, port: int, plain_port: int) -> str:
    """The shipped configuration with this machine's ports and paths; each replacement must match."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    mime = folder / "mime.types"
    mime.write_text("types { text/html html; }\n")
    swaps = [
        (r"pid /run/nginx\.pid;", f"pid {folder}/nginx.pid;"),
        (r"include /etc/nginx/mime\.types;", f"include {mime};"),
        (r"/var/cache/nginx/inferencebench", f"{folder}/cache"),
        (r"unix:/run/inferencebench-edge\.sock", f"unix:{folder}/edge.sock"),
        (r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{app_port};"),
        (r"listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        (r"\n\s*listen \[::\]:443 ssl http2;", ""),
        (r"listen 80;", f"listen 127.0.0.1:{plain_port};"),
        (r"\n\s*listen \[::\]:80;", ""),
        (r"/etc/ssl/inferencebench/", f"{folder}/"),
    ]
    for pattern, replacement in swaps:
        text, found = re.subn(pattern, replacement, text)
        assert found, f"deploy/nginx.conf no longer holds {pattern}"
    return f"user root;\n{text}" if os.geteuid() == 0 else text


def start(folder: Path, app_port: int, port: int, plain_port: int, extra: str = "") -> EdgeServer:
    """Start the edge in front of the app on ``app_port``; ``extra`` servers join its http block."""
    program = nginx_program()
    assert program
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    text = config(folder, app_port, port, plain_port)
    if extra:
        text = text[: text.rindex("}")] + extra + "}\n"
    (folder / "nginx.conf").write_text(text)
    process = subprocess.Popen(
        [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    )
    url = f"https://127.0.0.1:{port}"
    for _ in range(100):
        try:
            httpx.get(f"{url}/healthz", verify=False)
            break
        except httpx.TransportError:
            time.sleep(0.05)
    return EdgeServer(url, process, folder)
