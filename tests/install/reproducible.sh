#!/bin/bash
# T44: the same source gives the same bytes, wherever it stands and whenever it is built: twice, in two folders, it is built
# as a package would be and installed, and each file compared.
# Usage: reproducible.sh SOURCE_ROOT
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install_from() { # folder, of the source's copy
    mkdir -p "$1"
    cp -r "$2"/{meson.build,meson_options.txt,include,src,backends,examples,tests,docs} "$1"
    find "$1" -exec touch -d "$3" {} +
    meson setup "$1/build" "$1" -Dbuildtype=release -Dtests=false --strip >"$1.log" 2>&1 &&
        meson install -C "$1/build" --destdir "$1/installed" >>"$1.log" 2>&1 || { cat "$1.log" >&2; exit 1; }
}

sums() { # folder
    (cd "$1/installed" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

install_from "$work/here" "$1" 2020-01-01
install_from "$work/a/folder with another name" "$1" 2024-02-03
sums "$work/here" >"$work/first"
sums "$work/a/folder with another name" >"$work/second"
[ "$(grep -c 'libchatroom' "$work/first")" -ge 2 ] || { echo "the library was not installed" >&2; exit 1; }
diff "$work/first" "$work/second"
