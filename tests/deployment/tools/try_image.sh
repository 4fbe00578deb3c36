#!/usr/bin/env bash
# try_image.sh FOLDER: builds the image and runs its programs where there is no engine, as root on a Debian with
# buildah and debootstrap. The base is Debian 12 with this machine's Python under /usr/local, as in python:3.11-slim; what
# it is built on has a C compiler, too, as python:3.11.
# PIP_CONF=FILE and DEBIAN_MIRROR=URL for a network that needs them. The demo has to have been run before.
set -euo pipefail
folder=$(realpath "$1")
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=chroot
base=localhost/python:3.11-slim-bookworm build=localhost/python:3.11-bookworm image=localhost/pinnersage:try

make_bases() {
  local root=$folder/base python
  python=$(python3.11 -c 'import sys; print(sys.base_prefix)')
  debootstrap --variant=minbase --include=ca-certificates,libssl3,libffi8,zlib1g,libbz2-1.0,liblzma5,libsqlite3-0,libreadline8,libuuid1,libncursesw6,libexpat1,netbase,tzdata \
    bookworm "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$folder/debootstrap.log"
  cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
  mkdir -p "$root/usr/local/lib/python3.11/site-packages"
  install "$python/bin/python3.11" "$root/usr/local/bin/python3.11"
  ln -s python3.11 "$root/usr/local/bin/python3"
  ln -s python3.11 "$root/usr/local/bin/python"
  find "$python/lib" -maxdepth 1 -name 'libpython3.11.so*' -exec cp -a {} "$root/usr/local/lib/" \;
  tar --create --directory "$python/lib/python3.11" --exclude=./site-packages --exclude=__pycache__ --exclude=./test --exclude='./config-*' . |
    tar --extract --directory "$root/usr/local/lib/python3.11"
  chroot "$root" ldconfig
  chroot "$root" /usr/local/bin/python -m ensurepip >/dev/null 2>&1
  as_image "$root" "$base"
  chroot "$root" sh -ec 'apt-get update; apt-get install --yes --no-install-recommends gcc libc6-dev' >"$folder/apt.log" 2>&1
  mkdir -p "$root/usr/local/include"
  cp -a "$python/include/python3.11" "$root/usr/local/include/"
  as_image "$root" "$build"
}

as_image() {
  local container
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$1" / >/dev/null
  buildah config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit --quiet --rm "$container" "$2" >/dev/null
}

# In the image, as it runs in a cluster: its user, no capability, nothing new to gain, a root that is read-only.
inside() {
  unshare --mount --propagation private bash -ec '
    root=$1 data=$2
    shift 2
    mount --bind "$root" /mnt && mount --options remount,bind,ro /mnt
    mount --types proc proc /mnt/proc
    mount --bind /dev /mnt/dev
    mount --types tmpfs tmpfs /mnt/tmp
    mount --types tmpfs tmpfs /mnt/srv && mkdir /mnt/srv/data && mount --bind "$data" /mnt/srv/data
    exec env --ignore-environment PATH=/opt/pinnersage/bin:/usr/local/bin:/usr/bin:/bin \
      PYTHONPATH=/opt/pinnersage/service PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
      /usr/sbin/chroot /mnt /usr/bin/setpriv --reuid 10001 --regid 10001 --clear-groups --inh-caps=-all \
      --bounding-set=-all --no-new-privs /usr/bin/env --chdir /opt/pinnersage/service "$@"
  ' _ "$root" "$folder/data" "$@"
}

mkdir -p "$folder/data"
buildah inspect --type image "$build" >/dev/null 2>&1 || make_bases
git archive HEAD | (mkdir -p "$folder/source" && tar --extract --directory "$folder/source")
buildah build --network host --format docker --build-arg PYTHON_IMAGE="$base" --build-arg BUILD_IMAGE="$build" \
  --build-arg REVISION="$(git rev-parse HEAD)" \
  ${PIP_CONF:+--secret id=pip.conf,src="$PIP_CONF"} --tag "$image" "$folder/source" >"$folder/build.log" 2>&1
container=$(buildah from "$image")
root=$(buildah mount "$container")
trap 'buildah rm "$container" >/dev/null' EXIT
echo "== image: $(buildah images --format '{{.Size}}' "$image"), of it ours $(du -sm "$root/opt/pinnersage" | cut -f1) MB"

cp -r build/demo/emoji/data "$folder/data/"
chown -R 10001:10001 "$folder/data"
echo "== who, with what, and where it may write"
inside sh -c 'id; grep -E "CapEff|CapBnd|NoNewPrivs" /proc/self/status; ! touch /x /opt/pinnersage/x; touch /tmp/x'
inside sh -c '! which pip gcc cc make git' && echo "no build tools"
loops=$(git ls-files 'server/*.pyx' 'storage/*.pyx' | sed 's/\.pyx$//' | tr / . | paste --serial --delimiters=,)
inside python -c "import $loops" && echo "all inner loops are compiled"
echo "== the nightly jobs"
inside python -m index_builder build --data /srv/data/data --out /srv/data/pins | tail -3
inside python -m profile_builder calibrate --data /srv/data/data --pins /srv/data/pins --out /srv/data/model.toml | tail -1
inside python -m profile_builder batch --data /srv/data/data --pins /srv/data/pins --model /srv/data/model.toml \
  --profiles /srv/data/profiles | tail -2
echo "== the server"
inside python -m server --pins /srv/data/pins --profiles /srv/data/profiles --port 50961 --metrics-port 50962 \
  --health-port 50963 --drain-s 1 2>"$folder/server.log" &
server=$!
for _ in $(seq 300); do
  inside pinnersage health --server 127.0.0.1:50961 >/dev/null 2>&1 && break
  sleep 0.2
done
inside pinnersage health --server 127.0.0.1:50961
inside pinnersage recommend ada --server 127.0.0.1:50961 --max-candidates 4 --seed 1 | sed -n 1,4p
# The shell in the background waits for the server, its only child.
kill -TERM "$(pgrep --parent "$server")"
wait "$server" && echo "ended with 0 after SIGTERM"
