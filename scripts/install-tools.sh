#!/usr/bin/env bash
# Makes sure that what building needs is here; says first what is missing.
#
#   scripts/install-tools.sh          to build and run
#   scripts/install-tools.sh test     and to test: a browser and promtool
#
# Installs Debian or Ubuntu packages as root or through passwordless sudo; else it
# prints the one line to run and ends with 1. Never starts a service.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

GROUPS_WANTED=("$@")
wants() { [[ " ${GROUPS_WANTED[*]:-} " == *" $1 "* ]]; }

check_rust() {
    local have
    have=$(cd "$ROOT" && cargo --version 2>/dev/null | cut -d' ' -f2) || true
    if [ -z "${have:-}" ]; then
        fail "Rust is missing (1.95 or newer). Install it with: curl --proto '=https' -sSf https://sh.rustup.rs | sh"
    fi
    version_at_least "$have" 1.95 || fail "Rust $have is too old: 1.95 or newer is needed. Run: rustup update"
}

check_node() {
    local have
    have=$(node --version 2>/dev/null | tr -d v) || true
    if [ -z "${have:-}" ] || ! command -v npm >/dev/null; then
        fail "Node.js is missing (20.19 or newer, with npm). See https://nodejs.org/en/download"
    fi
    version_at_least "$have" 20.19 || fail "Node.js $have is too old: 20.19 or newer is needed. See https://nodejs.org/en/download"
}

check_python() {
    local have
    have=$(python3 -c 'import platform; print(platform.python_version())' 2>/dev/null) || true
    [ -n "${have:-}" ] || return 0 # installed below
    version_at_least "$have" 3.10 || fail "Python $have is too old: 3.10 or newer is needed as python3"
}

has_libclang() { compgen -G '/usr/lib*/llvm*/lib*/libclang*.so*' || compgen -G '/usr/lib*/libclang*.so*' || compgen -G '/usr/lib/*/libclang*.so*'; }

missing_packages() {
    local -A command_of=([clang]=clang [g++]=g++ [make]=make [pkg-config]=pkg-config
        [curl]=curl [git]=git [python3]=python3)
    local package
    for package in "${!command_of[@]}"; do
        command -v "${command_of[$package]}" >/dev/null || echo "$package"
    done | sort
    if [ -z "${LIBCLANG_PATH:-}" ] && ! has_libclang >/dev/null; then echo libclang-dev; fi
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then echo python3-venv; fi
    if wants test && [ -z "${CHROMIUM:-}" ] && ! command -v chromium >/dev/null; then echo chromium; fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    local line="apt-get update && apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        fail "This system has no apt-get. Install these with its own package manager: $*"
    fi
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        fail "Installing needs root. Run this, then try again:  sudo sh -c '$line'"
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# promtool alone, taken out of Debian's package: installing that would start a server.
install_promtool() {
    if command -v promtool >/dev/null; then return; fi
    note "Missing: promtool. Fetching it from the 'prometheus' package into $CACHE/bin"
    command -v apt-get >/dev/null || { note "No apt-get here: the checks of deploy/prometheus are left out."; return; }
    local work
    work=$(mktemp -d)
    if ! (cd "$work" && apt-get download -qq prometheus 2>/dev/null); then
        if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then as_root apt-get update -qq; fi
        (cd "$work" && apt-get download -qq prometheus 2>/dev/null) || fail "the package 'prometheus' cannot be downloaded; run: apt-get update"
    fi
    dpkg -x "$work"/prometheus_*.deb "$work/out"
    mkdir -p "$CACHE/bin"
    mv "$work/out/usr/bin/promtool" "$CACHE/bin/promtool"
    rm -rf "$work"
}

# LightGBM's build asks for a newer CMake than Debian 12 has; the Python package brings one.
CMAKE_WANTED=3.28
install_cmake() {
    local have
    have=$(cmake --version 2>/dev/null | head -n 1 | grep -oE '[0-9.]+') || true
    if version_at_least "${have:-0}" "$CMAKE_WANTED"; then return; fi
    note "CMake ${have:-none} is older than $CMAKE_WANTED. Fetching the Python package 'cmake' into $CACHE"
    python3 -m venv "$CACHE/cmake"
    "$CACHE/cmake/bin/pip" install --quiet 'cmake==3.31.10'
    mkdir -p "$CACHE/bin"
    ln -sf "$CACHE/cmake/bin/cmake" "$CACHE/bin/cmake"
}

main() {
    check_rust
    check_node
    check_python
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -gt 0 ]; then
        note "Missing: ${missing[*]}. Installing from the system's packages."
        install_packages "${missing[@]}"
        mapfile -t missing < <(missing_packages)
        if [ ${#missing[@]} -gt 0 ]; then fail "Still missing after installing: ${missing[*]}"; fi
    fi
    install_cmake
    if wants test; then install_promtool; fi
    note "Tools: $(cd "$ROOT" && cargo --version | cut -d' ' -f1,2), node $(node --version | tr -d v), $(python3 --version), $(cmake --version | head -n 1)"
}

main
