#!/bin/sh
# Installs smysl from this folder on a machine without a network: sh install.sh [--prefix DIR] [--python PYTHON]
# Needs Python 3.11 or newer with venv, and nothing else. Run it again to repair or to update.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix="${SMYSL_PREFIX:-$HOME/.local/share/smysl-app}"
python="${PYTHON:-python3}"
bin="$HOME/.local/bin"

usage() {
    sed -n '2,3s/^# //p' "$0"
    echo "  --prefix DIR     where the program goes (default: $prefix)"
    echo "  --bin DIR        where its commands are linked (default: $bin)"
    echo "  --python PYTHON  the interpreter (default: $python)"
}

die() {
    echo "smysl: $1" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case "$1" in
        --prefix | --bin | --python)
            [ $# -ge 2 ] || die "$1 needs a value"
            case "$1" in
                --prefix) prefix=$2 ;;
                --bin) bin=$2 ;;
                --python) python=$2 ;;
            esac
            shift 2
            ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

command -v "$python" > /dev/null || die "there is no $python; install Python 3.11 or newer, or name one with --python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$python is $("$python" -c 'import platform; print(platform.python_version())'); smysl needs 3.11 or newer"
# the wheels were chosen for one Python and one sort of machine
wanted=$(cat "$here/FOR")
found=$("$python" -c 'import sys, platform; print("cp%d%d-%s-%s" % (*sys.version_info[:2], sys.platform, platform.machine()))')
[ "$wanted" = "$found" ] || die "this bundle is for $wanted, and $python is $found; name another with --python, or make a bundle there"

if command -v sha256sum > /dev/null; then
    (cd "$here" && sha256sum --quiet -c SHA256SUMS) || die "the bundle is damaged; copy it again"
fi

mkdir -p "$prefix" "$bin"
# links must not depend on where they were made from
prefix=$(CDPATH='' cd -- "$prefix" && pwd)
"$python" -m venv "$prefix" ||
    die "no virtual environment can be made in $prefix; on Debian and Ubuntu install python3-venv"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
    --find-links "$here/wheels" --upgrade --force-reinstall smysl ||
    die "the wheels cannot be installed; if a C library here is older than where the bundle was made, make one here or on such a system"
for engine in "$here"/engines/*.tar; do
    [ -e "$engine" ] || continue
    "$prefix/bin/smysl" engines import "$engine" >&2
done
for name in smysl smysld smysl-build; do
    ln -sf "$prefix/bin/$name" "$bin/$name"
done
echo "smysl is in $prefix, its commands in $bin"
case ":$PATH:" in
    *":$bin:"*) ;;
    *) echo "put it on your PATH:  export PATH=\"$bin:\$PATH\"" ;;
esac
echo "try:  $bin/smysl \"What is 6 * 7?\""
