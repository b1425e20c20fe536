#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_install.sh CMAKE BUILD: installs the build into an empty folder, moves that folder, and
# uses the library from there as a stranger would: from C by pkg-config, from C++ by find_package.
set -eu
cmake=$1
build=$2
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
        echo "test_install: $1" >&2
        exit 1
}

"$cmake" --install "$build" --prefix "$scratch/first" >"$scratch/log" || {
        cat "$scratch/log"
        fail "cmake --install failed"
}
mv "$scratch/first" "$scratch/moved"
prefix=$scratch/moved
pc=$(find "$prefix" -name tributary.pc)
[ -n "$pc" ] || fail "no tributary.pc"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir tributary)
version=$(pkg-config --modversion tributary)

# shellcheck disable=SC2046
${CC:-cc} -std=c11 -Wall -Wextra -Werror "$here/consumer.c" -o "$scratch/consumer_c" \
        $(pkg-config --cflags --libs tributary)
[ "$(LD_LIBRARY_PATH=$libdir "$scratch/consumer_c")" = "$version" ] || fail "C program"

# shellcheck disable=SC2046
${CC:-cc} -std=c11 "$here/consumer.c" -o "$scratch/consumer_static" \
        $(pkg-config --cflags tributary) "$libdir/libtributary.a" -lpthread -ldl -lm
[ "$("$scratch/consumer_static")" = "$version" ] || fail "static C program"

if command -v "${CXX:-c++}" >/dev/null 2>&1; then
        "$cmake" -S "$here/cxx" -B "$scratch/cxx" -DCMAKE_PREFIX_PATH="$prefix" \
                -DCMAKE_BUILD_TYPE=Release >"$scratch/log" 2>&1 &&
                "$cmake" --build "$scratch/cxx" >>"$scratch/log" 2>&1 || {
                cat "$scratch/log"
                fail "the C++ project does not build"
        }
        [ "$("$scratch/cxx/consumer")" = "$version" ] || fail "C++ program"
        [ "$("$scratch/cxx/consumer_static")" = "$version" ] || fail "static C++ program"
else
        echo "no C++ compiler: find_package was not tried"
fi

# The loader finds the library beside the command through /proc; without it we must say where.
[ -e /proc/self/exe ] || export LD_LIBRARY_PATH="$libdir"
if [ -x "$build/tributary" ]; then
        "$prefix/bin/tributary" --version | grep -qF "$version" ||
                fail "the installed command does not give its version"
fi
echo "installed $version: C, C++, pkg-config and CMake consumers work"
