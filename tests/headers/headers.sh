#!/bin/sh
# Each public header compiles alone, as C11 and as C++17, under more warnings than the library uses on itself.
set -eu
cd "$1"
for header in $(find chatroom -name '*.h' | sort); do
    echo "#include <$header>" | cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. -x c -
    echo "#include <$header>" | c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I. -x c++ -
done
