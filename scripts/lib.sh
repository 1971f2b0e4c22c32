# Shared by the scripts beside it; source it, do not run it. Sets ROOT (the checkout) and makes it the current folder.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"

say() { printf '==> %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The comment at the top of a script is its manual.
usage() { sed -n '2,/^$/{s/^# \{0,1\}//;/^$/d;p}' "$0"; }

# need_packages PACKAGE...: install Debian packages, quietly unless it fails.
need_packages() {
    command -v apt-get >/dev/null || die "cannot install $*: no apt-get here; install them by hand"
    [ "$(id -u)" = 0 ] || die "cannot install $* as $(id -un): run as root, or install them by hand"
    say "installing $* from the distribution's packages"
    local log get
    log="$(mktemp)"
    # A host's own updates, or another of these scripts, may be at it: that is waited for.
    get="apt-get -o DPkg::Lock::Timeout=300"
    # A fresh image has no package lists: the first try fails at once then, and costs nothing where they are there.
    if ! DEBIAN_FRONTEND=noninteractive $get install -y --no-install-recommends "$@" >"$log" 2>&1 &&
        ! { $get update && DEBIAN_FRONTEND=noninteractive $get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "cannot install $*"
    fi
    rm -f "$log"
}
