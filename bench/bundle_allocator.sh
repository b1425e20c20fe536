#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bundle_allocator.sh BUILD FOLDER: puts the allocator's measurements of a build tree (made with
# -DTRIB_BENCH=ON) into a folder that runs by itself on another Linux machine of this processor
# with this glibc or a newer one, and python3:
#
#   cd FOLDER && python3 allocator.py && ./fragmentation cached && python3 contention.py
#
# strace is not in it; without one, contention.py shows the counts of memory alone.
set -eu

if [ $# -ne 2 ]; then
        echo "usage: bundle_allocator.sh BUILD FOLDER" >&2
        exit 2
fi
build=$1 folder=$2
here=$(dirname "$0")
mkdir -p "$folder"
for program in allocator fragmentation contention; do
        cp "$build/bench/$program" "$folder/"
done
# By the name that the programs ask for.
cp -L "$build/libtributary.so.0" "$folder/"
cp "$here/allocator.py" "$here/contention.py" "$here/bench.py" "$folder/"
mimalloc=$(ldconfig -p | sed -n 's/.*libmimalloc\.so\.2 .*=> //p' | head -n 1)
if [ -n "$mimalloc" ]; then
        cp -L "$mimalloc" "$folder/libmimalloc.so.2"
else
        echo "mimalloc is left out: apt-get install libmimalloc-dev" >&2
fi
for program in allocator fragmentation contention libtributary.so.0; do
        strip --strip-debug "$folder/$program"
done

# It must not find its library by the build tree's path.
if ! (cd "$folder" && echo check | LD_BIND_NOW=1 ./allocator shards8 >/dev/null) ||
        ! ldd "$folder/allocator" | grep -q "libtributary.so.0 => .*/$(basename "$folder")/"; then
        echo "the bundle does not run by itself" >&2
        exit 1
fi
du -sh "$folder"
