#!/bin/bash
# The library serves programs outside its tree: it is installed into an empty folder, and each single-file example is built
# there with the very line that stands in its first comment, on the shared library and on the static one.
# Usage: install.sh BUILD VERSION SOURCE_ROOT
set -euo pipefail
shopt -s nullglob
build=$1 version=$2
sources=("$3"/tests/install/consumer.c "$3"/examples/*.c)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install -C "$build" --no-rebuild --destdir "$work/shared" >/dev/null
cp -a "$work/shared" "$work/static"
find "$work/static" -name 'libchatroom*.so*' -delete
[ -z "$(find "$work/shared" -name chatroom-icu.pc)" ] || sources+=("$3"/tests/install/consumer_icu.c)
[ -z "$(find "$work/shared" -name chatroom-remote.pc)" ] || sources+=("$3"/tests/install/consumer_remote.c)

fail() {
    echo "$*" >&2
    exit 1
}

# The commands in the first comment, without the text around them.
line_of() {
    sed -n '1,/\*\//s/^[ *]*\(cc .*pkg-config.*\)$/\1/p' "$1"
}

use() { # shared or static
    local pc
    pc=$(find "$work/$1" -name chatroom.pc)
    export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$work/$1
    library_path=${pc%/pkgconfig/*}
    [ "$(pkg-config --modversion chatroom)" = "$version" ] || fail "chatroom.pc has another version"
}

build_one() { # shared or static, source, command
    name=$(basename "$2" .c)
    folder=$work/$1-$name
    mkdir "$folder"
    cp "$2" "$folder"
    echo "$1: $3"
    (cd "$folder" && eval "$3")
    [ -x "$folder/$name" ] || fail "$1: no $name came out"
}

is_shared() {
    [[ $(readelf --dynamic "$folder/$name") == *libchatroom*.so* ]]
}

# It starts: whatever it makes of --help, the loader finds all it needs and it does not crash.
start_one() {
    local status=0
    (cd "$folder" && LD_LIBRARY_PATH=$library_path timeout 2 "./$name" --help) </dev/null >"$folder/output" 2>&1 || status=$?
    [ "$status" -lt 125 ] && return
    cat "$folder/output" >&2
    fail "$name: ended with $status"
}

for source in "${sources[@]}"; do
    command=$(line_of "$source")
    [ -n "$command" ] && [ "$(wc -l <<<"$command")" -eq 1 ] || fail "$source: its first comment has no single cc line"
    use shared
    build_one shared "$source" "$command"
    is_shared || fail "$name: not on the shared library"
    start_one
    use static
    build_one static "$source" "${command/pkg-config/pkg-config --static}"
    ! is_shared || fail "$name: not on the static library"
    start_one
done

[ "$(cat "$work/shared-consumer/output")" = "$version" ] || fail "the shared library says another version"
[ "$(cat "$work/static-consumer/output")" = "$version" ] || fail "the static library says another version"
for kind in shared static; do
    [ ! -d "$work/$kind-consumer_icu" ] || [ "$(cat "$work/$kind-consumer_icu/output")" = ann ] || fail "$kind: no name came out"
    [ ! -d "$work/$kind-consumer_remote" ] || [ "$(cat "$work/$kind-consumer_remote/output")" = made ] || fail "$kind: no target came out"
done
