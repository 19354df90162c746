#!/usr/bin/env bash
# Run an image's build steps on a Debian machine without Docker or a registry, on a stand-in for its base image.
#   docker/try.sh server|worker-cpu|worker-cuda [more arguments of buildah bud]
# Needs buildah and mmdebstrap, root, and a python3.11 that lies in a folder of its own (as pyenv's and uv's do), whose standard
# library is copied to where the official image has it. Debian 12 stands in for Ubuntu too: what this cannot try is the bases.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
shift
python=$(python3.11 -c 'import sys; print(sys.base_prefix)')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The bases' libraries, as far as Python links to them.
libraries=libbz2-1.0,libffi8,liblzma5,libreadline8,libsqlite3-0,libssl3,zlib1g
for base in $(sed -n 's/^FROM \([^ ]*[:@][^ ]*\).*/\1/p' "docker/$name.Dockerfile"); do
    buildah inspect --type image "docker.io/library/$base" >/dev/null 2>&1 && continue
    buildah inspect --type image "docker.io/$base" >/dev/null 2>&1 && continue
    [ -e "$work/debian.tar" ] || mmdebstrap --quiet --variant=minbase --include="ca-certificates,$libraries" bookworm "$work/debian.tar"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/debian.tar" / >/dev/null
    if [[ $base = python:* ]]; then
        mkdir -p "$work/local/bin" "$work/local/lib"
        cp -a "$python"/bin/python3.11 "$work/local/bin/"
        ln -sf python3.11 "$work/local/bin/python3" && ln -sf python3.11 "$work/local/bin/python"
        tar -C "$python/lib" --exclude=site-packages --exclude=__pycache__ --exclude=test -c python3.11 $(cd "$python/lib" && ls -d libpython3* 2>/dev/null) |
            tar -C "$work/local/lib" -x
        buildah add --quiet "$container" "$work/local" /usr/local >/dev/null
        buildah run --isolation chroot "$container" -- sh -c 'ldconfig && python -m ensurepip >/dev/null && ln -sf pip3 /usr/local/bin/pip'
    fi
    case $base in */*) full=docker.io/$base ;; *) full=docker.io/library/$base ;; esac
    buildah commit --format docker --quiet --rm "$container" "$full" >/dev/null
done

buildah bud --format docker --isolation chroot --pull-never --layers -f "docker/$name.Dockerfile" -t "saga-$name" "$@" .
