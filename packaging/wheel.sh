# Wheel and sdist, out of a copy of the checkout. Part of scripts/package.

# quietly COMMAND...: its output only where it fails.
quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2 && die "failed: $*"; }
}

# make_tools: an environment with what builds, as packaging/tools.lock pins it; kept for the next time.
make_tools() {
    tools="$ROOT/.lab/package/tools"
    local belongs
    belongs="$("$PYTHON" --version) $(sha256sum <packaging/tools.lock)"
    [ "$(cat "$tools/stamp" 2>/dev/null)" != "$belongs" ] || return 0
    say "making the tools that build"
    rm -rf "$tools"
    quietly "$PYTHON" -m venv "$tools"
    quietly "$tools/bin/pip" install --require-hashes --only-binary :all: -r packaging/tools.lock
    echo "$belongs" >"$tools/stamp"
}

# make_wheel SOURCE WHEELS: what git knows of the checkout goes to SOURCE, and from there, as version $version where one
# was asked for, the sdist and the wheel to WHEELS. Sets `version`.
make_wheel() {
    mkdir -p "$1" "$2"
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | tr '\n' '\0' |
            tar --create --null --files-from - | tar --extract --directory "$1"
    else
        tar --create --exclude-vcs --exclude ./dist --exclude ./.lab --exclude ./.venv . | tar --extract --directory "$1"
    fi
    # Modes of the checkout are its umask's.
    chmod -R u=rwX,go=rX "$1"
    [ -z "$version" ] || sed -i "s/^__version__ = .*/__version__ = \"$version\"/" "$1/zpmd/__init__.py"
    version="$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$1/zpmd/__init__.py")"
    say "building wheel and sdist of zpmd $version"
    # The sdist first, and the wheel from it: so one that lacks a file is noticed here.
    quietly "$tools/bin/python" -m build --no-isolation --outdir "$2" "$1"
    dateless "$2/zpmd-$version.tar.gz"
}

# dateless SDIST: packed again, without the times and owners of this build.
dateless() {
    mkdir "$work/sdist"
    tar --extract --file "$1" --directory "$work/sdist"
    tar --create --sort name --mtime "@$SOURCE_DATE_EPOCH" --owner 0 --group 0 --numeric-owner --format gnu \
        --directory "$work/sdist" . --transform 's|^\./||' | gzip -9n >"$1"
    rm -rf "$work/sdist"
}
