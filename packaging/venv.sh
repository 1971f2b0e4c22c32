# The environment in /opt/zpmd. Part of scripts/package.
#
# It is made where it is staged, and then told that it is in /opt/zpmd: what knows its own place are the first lines of
# scripts, pyvenv.cfg, and compiled modules. pip is not in it: what is installed there is the package's alone.

# make_venv WHEELS PLACE
make_venv() {
    local wheels="$1" place="$2" kept site
    kept="$ROOT/.lab/package/$("$PYTHON" -c 'import sys; print(*sys.version_info[:3], sep=".")')-$(
        sha256sum <requirements.lock | cut -c -16
    )"
    if [ ! -e "$kept/opt/zpmd" ]; then
        say "installing what zpmd needs, as pinned"
        rm -rf "$kept" "$kept.new" && mkdir -p "$kept.new/opt"
        quietly "$PYTHON" -m venv --without-pip "$kept.new/opt/zpmd"
        quietly "$tools/bin/pip" --python "$kept.new/opt/zpmd/bin/python" install --require-hashes \
            --only-binary :all: --no-compile --no-deps -r requirements.lock
        compiled "$(echo "$kept.new"/opt/zpmd/lib/python3.*/site-packages)" "$kept.new"
        mv "$kept.new" "$kept"
    fi
    mkdir -p "$(dirname "$place")"
    cp -a "$kept/opt/zpmd" "$place"
    site="$(echo "$place"/lib/python3.*/site-packages)"
    # Of the commands of other packages none is for this host.
    find "$place/bin" -type f -delete
    sed -i '/^\.\.\/\.\.\/\.\.\/bin\//d' "$site"/*.dist-info/RECORD
    # By name and not by path: otherwise its metadata would tell where it was built.
    quietly "$tools/bin/pip" --python "$place/bin/python" install --no-index --find-links "$wheels" --no-compile \
        --no-deps "zpmd==$version"
    quietly "$tools/bin/pip" --python "$place/bin/python" check
    sed -i "1s|^#!.*|#!/opt/zpmd/bin/python3|" "$place/bin/zpmd" "$place/bin/zpmctl"
    sed -i -E 's|^((\.\./){3}bin/[^,]*),.*|\1,,|' "$site"/zpmd-*.dist-info/RECORD # their hashes were of other first lines
    sed -i '/^command = /d' "$place/pyvenv.cfg"
    rm -rf "$place/include"
    find "$site" -name '*.py' -perm /111 -exec chmod a-x {} +
    compiled "$site/zpmd" "${place%/opt/zpmd}"
}

# compiled FOLDER PREFIX: with its byte code, which says where it will be: PREFIX is taken off. It is not checked
# against the sources at run time: nothing but dpkg writes there, and then both.
compiled() {
    quietly "$PYTHON" -m compileall -q -j 1 -s "$2" -p / --invalidation-mode unchecked-hash "$1"
}
