#!/bin/sh
# A host application builds and runs against the installed tree: with pkg-config, shared and static; with the CMake package,
# shared and static. It has only the installed files and a public header.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
"$SOCLE_CMAKE" --install "$SOCLE_TEST_BINARY_DIR" --prefix "$prefix" >"$work/install.log"

mkdir "$work/host"
cat >"$work/host/host.c" <<'HOST'
#include <socle/socle.h>
#include <stdio.h>

int main(void)
{
    socle_context *context = NULL;
    const socle_context_options options = {.size = sizeof(options), .cache_dir = ""};
    if (socle_context_create(&options, &context) != SOCLE_OK) {
        fprintf(stderr, "%s\n", socle_error_message());
        return 1;
    }
    const int count = socle_device_count(context);
    socle_context_destroy(context);
    printf("%s %d\n", socle_version(), count > 0);
    return 0;
}
HOST
cat >"$work/host/CMakeLists.txt" <<'HOST'
cmake_minimum_required(VERSION 3.25)
project(host LANGUAGES C)
find_package(socle 0.1 REQUIRED COMPONENTS static)
add_executable(host_shared host.c)
target_link_libraries(host_shared PRIVATE socle::socle)
add_executable(host_static host.c)
target_link_libraries(host_static PRIVATE socle::socle_static)
HOST

sanitize=${SOCLE_SANITIZE:+-fsanitize=$SOCLE_SANITIZE}
version=$(sed -n 's/^#define SOCLE_VERSION "\(.*\)"/\1/p' "$SOCLE_TEST_SOURCE_DIR/lib/base/status.c")
libdir=$(dirname "$(find "$prefix" -name libsocle.a)")

check() {
    answer=$(env LD_LIBRARY_PATH="$libdir" "$@")
    if [ "$answer" != "$version 1" ]; then
        echo "$*: \"$answer\" where \"$version 1\" was expected"
        exit 1
    fi
}

export PKG_CONFIG_PATH="$libdir/pkgconfig"
cd "$work/host"
# shellcheck disable=SC2046,SC2086 # flags are words
"$CC" $sanitize host.c -o pc_shared $(pkg-config --cflags --libs socle)
# shellcheck disable=SC2046,SC2086
"$CC" $sanitize host.c -o pc_static $(pkg-config --cflags socle) "$libdir/libsocle.a" \
    $(pkg-config --static --libs-only-l socle | sed 's/-lsocle//')
check ./pc_shared
check ./pc_static

"$SOCLE_CMAKE" -S . -B build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$CC" -DCMAKE_C_FLAGS="$sanitize" >cmake.log
"$SOCLE_CMAKE" --build build >>cmake.log
check build/host_shared
check build/host_static

for file in include/socle/socle.h bin/socle; do
    [ -e "$prefix/$file" ] || { echo "$file is not installed" && exit 1; }
done
"$prefix/bin/socle" --help >/dev/null
[ -z "$(find "$prefix" -path '*include*' -type f ! -path '*/socle/*')" ]
