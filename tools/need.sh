#!/usr/bin/env bash
# Install the system programs that tests and benchmarks drive, where they are missing and we may.
set -u
missing=()
for program in "$@"; do
  case "$program" in node) package="nodejs npm" ;; varnishd) package="varnish varnish-modules" ;; ps) package=procps ;; bwrap) package=bubblewrap ;; dovecot) package=dovecot-imapd ;; postgres) package=postgresql ;; *) package=$program ;; esac
  [ "$program" = postgres ] && ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && continue
  command -v "$program" >/dev/null 2>&1 || PATH=$PATH:/usr/sbin command -v "$program" >/dev/null 2>&1 || missing+=($package)
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing ${missing[*]}"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null && exit 0
fi
echo "note: ${missing[*]} not found and can't be installed from here; what needs it is skipped, and says so"
