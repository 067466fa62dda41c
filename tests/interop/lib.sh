# Sourced by the run scripts: what each needs, brought to a Debian machine that never saw it.
# shellcheck shell=bash

set -euo pipefail
interop=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$interop/../.." && pwd)

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 70
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# install PACKAGE...: Debian packages, without any question and without starting a service.
install() {
    command -v apt-get >/dev/null || fail "please install: $* (there is no apt-get to do it)"
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null || fail "please install as root: $*"
    printf 'installing %s\n' "$*"
    (
        # Debian starts a daemon as soon as it is installed, unless this program says no.
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap 'as_root rm -f $policy' EXIT
            printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
            as_root chmod 755 $policy
        fi
        apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
        log=$(mktemp)
        as_root "${apt[@]}" install -y --no-install-recommends "$@" >"$log" 2>&1 ||
            { as_root "${apt[@]}" update && as_root "${apt[@]}" install -y --no-install-recommends "$@"; } >"$log" 2>&1 ||
            { cat "$log" >&2; fail "apt-get could not install: $*"; }
        rm -f "$log"
    ) </dev/null || exit
}

need_openssl() {
    command -v openssl >/dev/null || install openssl
}

need_prosody() {
    command -v prosody >/dev/null && return
    install prosody
    # Nor shall it start with the machine: the tests start one of their own.
    as_root update-rc.d prosody disable >/dev/null 2>&1 || true
}

# Prosody asks the DNS by this library; without it, Prosody cannot be told another port.
need_unbound() {
    compgen -G '/usr/lib/*/lua/5.4/lunbound.so' >/dev/null || install lua-unbound
}

need_ejabberd() {
    compgen -G '/usr/lib/*/ejabberd-*/ebin/ejabberd.app' >/dev/null && return
    local erlang
    erlang=$(command -v erl || true)
    install ejabberd
    as_root update-rc.d ejabberd disable >/dev/null 2>&1 || true
    # Erlang's port mapper came along with Erlang; the tests do without.
    [ -n "$erlang" ] || as_root systemctl disable epmd.socket epmd.service >/dev/null 2>&1 || true
}

need_libstrophe() {
    command -v cc >/dev/null || install gcc libc6-dev
    command -v pkg-config >/dev/null || install pkg-config
    pkg-config --exists libstrophe || install libstrophe-dev
}

# need_venv DIRECTORY REQUIREMENTS: a virtual environment with exactly these packages.
need_venv() {
    cmp -s "$2" "$1/requirements.txt" && return
    python3 -c 'import ensurepip, venv' 2>/dev/null || install python3-venv
    rm -rf "$1"
    python3 -m venv "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$2" ||
        fail "pip could not install $2"
    cp "$2" "$1/requirements.txt"
}

need_node() {
    command -v node >/dev/null && command -v npm >/dev/null && return
    install nodejs npm
}

# need_node_modules DIRECTORY: exactly the packages of its package-lock.json.
need_node_modules() {
    cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
    npm ci --prefix "$1" --no-audit --no-fund --ignore-scripts --loglevel=error ||
        fail "npm could not install the packages of $1"
    cp "$1/package-lock.json" "$1/node_modules/.installed"
}

# test_adapters SERVER ARGUMENT...: the Rust tests beside "prosody" or "ejabberd"; the arguments are theirs.
test_adapters() {
    local server=$1
    shift
    # Compiling is no part of the time limit.
    cargo test --locked -p xmppwire-interop --test servers --no-run
    # shellcheck disable=SC2016 # "$@" is for the inner shell
    exec python3 "$interop/with_$server.py" bash -euc '
        python3 tests/interop/check_login.py
        cargo test --locked -p xmppwire-interop --test servers -- --ignored --test-threads=1 "$@"
    ' run "$@"
}

# The command that starts our example server; building it is no part of any time limit.
server_command="cargo run --quiet --locked -p xmppwire-examples --example server --"
build_server() {
    cargo build --locked -p xmppwire-examples --example server
}

# beside SERVER COMMAND...: runs COMMAND beside "ours", "prosody" or "ejabberd".
beside() {
    local server=$1
    shift
    need_openssl
    case $server in
        ours)
            build_server
            python3 "$interop/with_server.py" --server "$server_command" "$@"
            ;;
        prosody | ejabberd)
            "need_$server"
            python3 "$interop/with_$server.py" "$@"
            ;;
        *)
            fail "usage: $(basename "$0") [ours|prosody|ejabberd]"
            ;;
    esac
}

cd "$root"
