#!/bin/bash
# Runs the tests of the sandbox's limits under cgroup v2 and systemd, as root and as an ordinary user.
#
#     tests/cgroup_v2/run.sh [FOLDER]        (or: make cgroup-v2)
#
# Where your machine has another version of cgroups, or no systemd, this shows what is true on one that has both. It
# makes a small Debian with systemd and boots it in User Mode Linux: a Linux kernel that is an ordinary program, needs
# no virtualisation, and runs Python at a third of the machine's speed. It sees the checkout and .venv, read-only.
#
# Needs root on Debian (amd64), the packages mmdebstrap, user-mode-linux and e2fsprogs, apt sources that work, 2 GB of
# disk, 5 GB of memory, and about half an hour. It writes into FOLDER alone: by default a temporary one that it
# removes; one that you name is kept, and its image used again. The kernel does not survive being stopped (Ctrl-Z).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)

for program in mmdebstrap linux.uml mke2fs; do
  command -v $program > /dev/null ||
    { echo "$program is missing: apt-get install mmdebstrap user-mode-linux e2fsprogs" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "Only root can make the image: sudo $0" >&2; exit 1; }
[ -x "$repository/.venv/bin/pytest" ] || { echo "There is no .venv: make .venv/develop.stamp" >&2; exit 1; }
if [ $# -gt 0 ]; then
  mkdir -p "$1"
  folder=$(cd "$1" && pwd)
else
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi

make_image() {
  # The same release from the same place as this machine's own packages, so that .venv finds the libraries it knows.
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    sort -u > "$folder/sources.list"
  rm -rf "$folder/root"
  mmdebstrap --quiet --variant=minbase \
    --include=systemd-sysv,dbus-user-session,libpam-systemd,bubblewrap,procps,python3,libreadline8 \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$folder/root" "$folder/sources.list"
  # One ordinary user has a user manager that always runs, as after a login; the other has none.
  chroot "$folder/root" useradd --create-home --shell /bin/bash teacher
  chroot "$folder/root" useradd --create-home --shell /bin/bash visitor
  mkdir -p "$folder/root/var/lib/systemd/linger"
  touch "$folder/root/var/lib/systemd/linger/teacher"
  cp "$here/tests.service" "$folder/root/etc/systemd/system/"
  chroot "$folder/root" systemctl --quiet enable tests.service
  chroot "$folder/root" systemctl --quiet mask getty@.service serial-getty@.service apt-daily.timer apt-daily-upgrade.timer
  truncate -s 4G "$folder/new.img"
  mke2fs -q -t ext4 -d "$folder/root" "$folder/new.img"
  rm -rf "$folder/root"
  mv "$folder/new.img" "$folder/disk.img"
}

# Boots with arguments for the kernel and shows what the tests say; fails unless all of them passed.
boot() {
  echo "--- booting${1:+ with $1}"
  rm -f "$folder/changes"
  timeout --foreground 7200 linux.uml mem=5G uml_dir="$folder" ubda="$folder/changes,$folder/disk.img" root=/dev/ubda rw quiet \
    con=null con0=null,fd:2 ssl=null ssl0=null,fd:1 repository="$repository" python="$python" "$@" \
    2> "$folder/console.log" < /dev/null | tee "$folder/said.log"
  grep -q '^All is as expected' "$folder/said.log" ||
    { echo "Not all is as expected; the kernel and systemd said:"; tail -20 "$folder/console.log"; exit 1; } >&2
}

[ -e "$folder/disk.img" ] || make_image
# Inside nothing can be written here, and to compile the package for each sandbox would take longer than its tests.
env -u PYTHONDONTWRITEBYTECODE "$repository/.venv/bin/python" -m compileall -q "$repository/src"
python=$("$repository/.venv/bin/python" -c 'import sys; print(sys.base_prefix)')
boot
boot cgroup_disable=memory
boot cgroup_disable=pids
