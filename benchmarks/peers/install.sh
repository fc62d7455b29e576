#!/bin/sh
# Installs what the peers need on a Debian machine, as root: Erlang, bubblewrap, runc, a C compiler and musl, Node with the
# package isolated-vm, Extism. Says nothing when all goes well, and may be run again: what is there is left alone.
#
#   PYTHON              the Python that gets Extism (python3)
#   CAXTON_PEERS_NODE   where isolated-vm goes (.node beside this file)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
prefix=${CAXTON_PEERS_NODE:-$here/.node}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a command and shows what it said only if it fails.
quietly() {
    if ! "$@" >"$log" 2>&1 </dev/null; then
        echo "install.sh: failed: $*" >&2
        tail -n 20 "$log" >&2
        return 1
    fi
}

# Names the Debian package unless the command that it brings is there.
unless_there() { command -v "$1" >/dev/null 2>&1 || echo "$2"; }

debian_packages() {
    wanted=$(
        unless_there erlc erlang-base
        unless_there bwrap bubblewrap
        unless_there runc runc
        unless_there cc gcc
        unless_there cc libc6-dev
        unless_there musl-gcc musl-tools
        unless_there c++ g++
        unless_there make make
        if ! command -v node >/dev/null 2>&1; then printf '%s\n' nodejs npm libnode-dev; fi
    )
    [ -n "$wanted" ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update
    # shellcheck disable=SC2086  # one package a word
    quietly apt-get install --yes --no-install-recommends $wanted
}

# The release of isolated-vm that goes with a major version of Node.
isolated_vm_release() {
    if [ "$1" -ge 24 ]; then echo 7.0.1; elif [ "$1" -ge 22 ]; then echo 6.1.2; else echo 5.0.4; fi
}

# It is compiled here, against the headers that came with Node where there are any.
isolated_vm() {
    [ ! -e "$prefix/node_modules/isolated-vm/out/isolated_vm.node" ] || return 0
    major=$(node -p 'process.versions.node.split(".")[0]')
    root=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
    if [ -e "$root/include/node/node.h" ]; then export npm_config_nodedir="$root"; fi
    mkdir -p "$prefix"
    quietly npm install --prefix "$prefix" --no-save --no-audit --no-fund "isolated-vm@$(isolated_vm_release "$major")"
}

extism() {
    "$python" -c 'import extism' 2>/dev/null || quietly "$python" -m pip install --quiet 'extism==1.1.1'
}

debian_packages
isolated_vm
extism
