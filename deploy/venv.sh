# Makes .venv from a lock; read by ./run and ./test, which stand in the repository's root.

# The first Python on the path that is new enough; PYTHON=/path/to/python goes first.
find_python() {
    local name
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "Discreet needs Python 3.11 or newer, and there is none on the path." >&2
    echo "On Debian 12 or later, or Ubuntu 24.04 or later: apt-get install python3 python3-venv" >&2
    return 1
}

NEVER_COMPILED='/(phonenumbers/(carrier|geo|short|tz)data|pygments/lexers|holidays/(countries|financial)|mypyc?|setuptools)/'

# install_half LOCK 0|1: every other package of a lock. Twice --quiet: errors only, no advice about pip itself.
install_half() {
    awk -v half="$2" '/^[^ ]/ { number++ } number % 2 == half' "$1" >".venv/half-$2"
    .venv/bin/python -m pip install --quiet --quiet --no-compile --no-deps --require-hashes -r ".venv/half-$2"
}

# make_venv LOCK: nothing to do unless the lock, pyproject.toml, the Python or the place changed.
make_venv() {
    local lock=$1 python place wanted
    python=$(find_python)
    place="$PWD $("$python" -c 'import sys; print(sys.base_prefix, *sys.version_info[:2])')"
    wanted=$(cat pyproject.toml "$lock")
    if [[ $(cat .venv/made-for 2>/dev/null) != "$place" ]]; then
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "$("$python" --version) lacks its venv module." >&2
            echo "On Debian or Ubuntu: apt-get install $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2
            return 1
        fi
        echo "Making .venv" >&2
        "$python" -m venv --clear .venv
        echo "$place" >.venv/made-for
    fi
    if [[ $(cat ".venv/$lock" 2>/dev/null) != "$wanted" ]]; then
        echo "Installing $(grep -c '==' "$lock") packages from $lock" >&2
        # By two at a time, since each waits and works by turns. Neither sees what the other's packages need: check does.
        install_half "$lock" 0 &
        install_half "$lock" 1 && wait $! && .venv/bin/python -m pip --quiet check || return 1
        # Compiled afterwards, on all cores; not what nobody imports, or is compiled by whoever makes it.
        .venv/bin/python -m compileall -qq -j 0 -x "$NEVER_COMPILED" .venv/lib || true
        .venv/bin/python -m pip install --quiet --quiet --no-deps --no-build-isolation -e .
        echo "$wanted" >".venv/$lock"
    fi
}
