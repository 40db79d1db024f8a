#!/bin/sh
# Makes .venv in the checkout and keeps it up to date: `sh scripts/setup.sh run`, or `test` for what the tests need too.
# Where nothing has changed since the last time it only looks, and is done in a moment.
# PYTHON=python3.12 chooses the interpreter; otherwise it is python3, or the newest that will do.
set -eu
cd "$(dirname "$0")/.."

purpose=${1:-run}
case $purpose in
run) extras='' ;;
test) extras='[test]' ;;
*)
    echo "usage: scripts/setup.sh [run | test]" >&2
    exit 2
    ;;
esac

# What Qt loads to draw at all, and to open a window under X.
packages='libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0
libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-image0 libxcb-render-util0 libx11-xcb1'
[ "$purpose" = run ] || packages="$packages xvfb xdotool" # one test drives the real window on a virtual screen

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# --- what is there ---------------------------------------------------------------------------------------------------

# Whether Python $1 has the module $2 and a version that will do: 3.11 is the oldest that the program needs, 3.14 the
# newest that its Qt has been built for.
suits() { "$1" -c "import sys, $2; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))" 2>/dev/null; }

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# Sets `python` to the interpreter to build .venv with, or to nothing.
find_python() {
    python=
    [ -n "${PYTHON:-}" ] && set -- "$PYTHON" || set -- python3 python3.14 python3.13 python3.12 python3.11
    for candidate in "$@"; do
        if suits "$candidate" os; then
            python=$candidate
            return
        fi
    done
}

# Whether .venv is whole: not left by a set-up that was cut short, not orphaned by an upgrade of Python, not of another
# version than PYTHON asks for.
venv_is_whole() {
    [ ! -e .venv/unfinished ] && suits .venv/bin/python pip || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version .venv/bin/python)" ]
}

# Those of the named Debian packages that are not installed. Newer releases call some of them NAMEt64.
missing() {
    # shellcheck disable=SC2046 # one word per package
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ' "$@" $(printf '%st64 ' "$@") 2>/dev/null || true)
    for package in "$@"; do
        case " $installed" in
        *" installed $package "* | *" installed ${package}t64 "*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# What set-up depends on: if it is the same as at the last set-up, there is nothing to do.
fingerprint=$({ pwd && cat pyproject.toml constraints.txt scripts/setup.sh; } | cksum)

is_ready() {
    for stamp in ".venv/ready-$purpose" .venv/ready-test; do
        if [ "$(cat "$stamp" 2>/dev/null)" = "$fingerprint" ]; then return 0; fi
    done
    return 1
}

# --- what is missing -------------------------------------------------------------------------------------------------

debian=
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then debian=yes; fi

wanted=
# shellcheck disable=SC2086 # one word per package
[ -z "$debian" ] || wanted=$(missing $packages)

build=
venv_is_whole || build=yes
[ -n "$build$wanted" ] || ! is_ready || exit 0

if [ -n "$build" ]; then
    find_python
    if [ -n "$debian" ] && [ -z "${PYTHON:-}" ] && ! command -v python3 >/dev/null; then
        wanted="${wanted}python3 python3-venv "
    elif [ -n "$debian" ] && [ -n "$python" ] && ! suits "$python" ensurepip; then
        wanted="${wanted}python$(version "$python")-venv "
    fi
fi

# --- the system's packages -------------------------------------------------------------------------------------------

log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ -n "$wanted" ]; then
    if [ "$(id -u)" = 0 ]; then
        root=
    elif sudo -n true 2>/dev/null; then
        root='sudo -n'
    else
        fail "Scorescope needs system packages that are not installed: ${wanted% }.
Install them with
    sudo apt-get update && sudo apt-get install --no-install-recommends ${wanted% }
and give the same command again."
    fi
    say "Installing system packages: $wanted"
    # shellcheck disable=SC2086 # one word per option and package
    apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null; }
    # shellcheck disable=SC2086
    apt install -y --no-install-recommends $wanted || {
        apt update || true # the lists were missing or old; that one of them still is need not matter
        apt install -y --no-install-recommends $wanted || {
            cat "$log" >&2
            fail "apt-get could not install $wanted(see above)."
        }
    }
elif [ -z "$debian" ] && [ "$(uname)" = Linux ]; then
    say "There is no apt-get here. If the window does not open, install Qt's libraries with your package manager:" \
        "libGL, libEGL, libxkbcommon-x11, xcb-util-cursor, xcb-util-wm, xcb-util-image, xcb-util-keysyms, xcb-util-renderutil."
fi

# --- .venv -----------------------------------------------------------------------------------------------------------

if [ -n "$build" ]; then
    find_python
    if [ -z "$python" ]; then
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python from 3.11 to 3.14."
        fail "Scorescope needs a Python from 3.11 to 3.14; none was found (PYTHON=/path/to/python names one)."
    fi
    rm -rf .venv
    mkdir .venv
    touch .venv/unfinished
    say "Making .venv with Python $(version "$python")."
    "$python" -m venv .venv >"$log" 2>&1 || {
        cat "$log" >&2
        fail "$python could not make .venv (see above)."
    }
fi

[ -n "$build" ] || ! is_ready || exit 0 # only the system's packages were missing

install() {
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints.txt "$@" >"$log" 2>&1
}

say "Installing the packages of constraints.txt into .venv; the first time this takes some minutes."
touch .venv/unfinished
# setuptools comes first, and builds without isolation, so that its version is pinned too.
status=0
install setuptools && install --no-build-isolation -e ".$extras" || status=$?
if [ "$status" != 0 ]; then
    [ "$status" != 1 ] || rm -f .venv/unfinished # an orderly failure: what is installed can stay
    cat "$log" >&2
    fail "pip could not install the packages (see above)."
fi
printf '%s\n' "$fingerprint" >".venv/ready-$purpose"
rm -f .venv/unfinished
