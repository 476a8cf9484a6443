#!/bin/sh
# What both images are made of, run inside their builds: packages without pip, a system without what nothing reads.
set -eu

pip() {
    # it stays in the stage that installs
    /pip/bin/pip --disable-pip-version-check --python /app/venv/bin/python "$@"
}

install() {
    python3 -m venv /pip
    python3 -m venv --without-pip /app/venv
    # shellcheck disable=SC2086
    pip install --quiet --no-cache-dir --no-compile --only-binary=:all: --require-hashes ${PIP_OPTIONS:-} -r "$1"
    shift
    pip uninstall --quiet --yes "$@"
    find /app/venv -type d \( -name tests -o -path '*/pyarrow/include' -o -path '*/pyarrow/src' \) -prune -exec rm -rf {} +
    # Arrow over a network is asked for by nothing here
    find /app/venv -path '*/pyarrow/*flight*' -prune -exec rm -rf {} +
    find /app/venv -type f \( -name '*.a' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' \) -delete
}

add() {
    pip install --quiet --no-cache-dir --no-compile --no-deps --no-index "$@"
}

system() {
    if ! ldconfig -p | grep -q libgomp.so.1; then
        echo "adding libgomp1, which LightGBM needs: a base image that has it asks no mirror"
        apt-get update -qq
        apt-get install -qq --no-install-recommends libgomp1
    fi
    # pip, whichever way the base image carries it
    rm -rf /usr/share/python-wheels /usr/local/bin/pip* /usr/local/bin/wheel /usr/local/bin/idle*
    rm -rf /usr/lib/python3*/ensurepip /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/*
    # Python's own image has no bytecode, and nothing can be written where this one runs
    python3 -m compileall -q -x "/(test|lib2to3|site-packages)/" "$(python3 -c 'import os; print(os.path.dirname(os.__file__))')"
    find /usr/share/doc -type f ! -name copyright -delete
    rm -rf /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian ~root/.cache
    rm -rf /var/cache/* /var/lib/apt/lists/* /var/log/* /tmp/* /image.sh
    # nobody becomes root
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +
    groupadd --gid 10001 foresell
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin foresell
    # where a read-only file system is to be mounted on
    mkdir -p /keys /releases
    # a new volume takes its owner from here
    chown foresell:foresell /keys /releases
}

"$@"
