# Everything of the package but /opt/zpmd. Part of scripts/package.

# put MODE FILE TARGET: with its folders.
put() { install -D -m "$1" "$2" "$3"; }

# make_tree TREE SOURCE: TREE holds opt/zpmd already.
make_tree() {
    local tree="$1" source="$2" doc="$1/usr/share/doc/zpmd" manuals="$work/manuals"

    mkdir -p "$tree/usr/bin"
    ln -s /opt/zpmd/bin/zpmd /opt/zpmd/bin/zpmctl "$tree/usr/bin/"

    put 0644 "$source/systemd/zpmd.service" "$tree/lib/systemd/system/zpmd.service"
    put 0644 "$source/systemd/zpmd.sysusers" "$tree/usr/lib/sysusers.d/zpmd.conf"
    put 0644 "$source/systemd/zpmd.tmpfiles" "$tree/usr/lib/tmpfiles.d/zpmd.conf"
    put 0644 "$source/systemd/zpmd.catalog" "$tree/usr/lib/systemd/catalog/zpmd.catalog"

    # The group is given by postinst: here it has no number yet.
    install -d -m 0750 "$tree"/etc/zpmd{,/services.d,/data.d,/patch-keys}
    put 0640 "$source/etc/zpmd/zpmd.yaml" "$tree/etc/zpmd/zpmd.yaml"

    mkdir -p "$manuals"
    # -P: the zpmd of the package, and not the checkout's. The environment is not where it belongs yet.
    (cd "$work" && quietly "$tree/opt/zpmd/bin/python" -P "$source/scripts/manpages.py" "$manuals")
    put 0644 "$manuals/zpmctl.1" "$tree/usr/share/man/man1/zpmctl.1"
    put 0644 "$manuals/zpmd.8" "$tree/usr/share/man/man8/zpmd.8"
    put 0644 "$manuals/zpmd.yaml.5" "$tree/usr/share/man/man5/zpmd.yaml.5"
    gzip -9n "$tree"/usr/share/man/man*/*
    put 0644 "$manuals/zpmctl.bash" "$tree/usr/share/bash-completion/completions/zpmctl"
    put 0644 "$manuals/_zpmctl" "$tree/usr/share/zsh/vendor-completions/_zpmctl"
    put 0644 "$manuals/zpmctl.fish" "$tree/usr/share/fish/vendor_completions.d/zpmctl.fish"

    "$PYTHON" packaging/bundled.py "$(echo "$tree"/opt/zpmd/lib/python3.*/site-packages)" >"$work/bundled"
    put 0644 "$source/packaging/debian/copyright" "$doc/copyright"
    sed -i -e "/^@BUNDLED@/{r $work/bundled" -e 'd}' "$doc/copyright"
    put 0644 "$source/README.md" "$doc/README.md"
    put 0644 "$source/CHANGELOG.md" "$doc/NEWS"
    gzip -9n "$doc/NEWS"
    mkdir "$doc/docs" && cp "$source"/docs/*.md "$doc/docs/"
    cp -r "$source/etc" "$doc/examples"
    put 0644 "$source/packaging/debian/lintian-overrides" "$tree/usr/share/lintian/overrides/zpmd"
}
