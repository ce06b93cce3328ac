#!/bin/sh
# Each public header compiles alone, as C11 and as C++17, under more warnings than the library uses on itself; with clang too
# where it is installed.
set -eu
cd "$1"
for header in $(find chatroom -name '*.h' | sort); do
    for compiler in cc clang; do
        command -v "$compiler" >/dev/null || continue
        echo "#include <$header>" | "$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. -x c -
    done
    for compiler in c++ clang++; do
        command -v "$compiler" >/dev/null || continue
        echo "#include <$header>" | "$compiler" -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I. -x c++ -
    done
done
