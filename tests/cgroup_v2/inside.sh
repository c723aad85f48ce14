# What run.sh has run inside: the cases in between, then the tests, as root and as a user with a user manager.
set -uo pipefail
export HOME=/root PYTHONDONTWRITEBYTECODE=1
cd "$repository"
if [ "$python" != /usr ]; then
  # Python may lie in a folder below root's own.
  chmod 755 /root
  mkdir -p "$python" && mount -t hostfs -o "ro,$python" none "$python"
fi
# A limit on memory is none if what is beyond it goes to swap.
fallocate -l 1G /swap && chmod 600 /swap && mkswap -q /swap && swapon /swap
failed=0

as() { # USER COMMAND: as after a login of that user
  if [ "$1" = root ]; then bash -c "$2"; else su -l "$1" -c "cd '$repository'; export PYTHONDONTWRITEBYTECODE=1; $2"; fi
}
expect() { # WHAT THE LINE THAT SHOW SAYS: what show.py is to end with
  local title=$1 wanted=$2 said
  shift 2
  said=$("$@" 2>&1)
  if [ "${said##*$'\n'}" = "$wanted" ]; then echo "ok: $title: $wanted"; return; fi
  printf 'NOT AS EXPECTED: %s\n  wanted: %s\n  said: %s\n' "$title" "$wanted" "$said"
  failed=1
}
show=".venv/bin/python tests/cgroup_v2/show.py"
limited="700 MB, no swap, 120 processes; afterwards no group is left"
unlimited="works; missing: memory and processes, since"

echo "Linux $(uname -r), systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p'), $(stat -fc %T /sys/fs/cgroup): $(cat /sys/fs/cgroup/cgroup.controllers)"
case "$(cat /proc/cmdline)" in
  *cgroup_disable=memory*) wanted="120 processes; afterwards no group is left; missing: memory, since"; gone=memory ;;
  *cgroup_disable=pids*) wanted="700 MB, no swap; afterwards no group is left; missing: processes, since"; gone=pids ;;
  *) gone= ;;
esac
if [ -n "$gone" ]; then
  expect "root" "$wanted the kernel offers no controller for $gone in /sys/fs/cgroup/cgroup.controllers" as root "$show"
  expect "user" "$wanted systemd does not pass that limit on to your user's scopes" as teacher "$show"
  [ $failed = 0 ] && echo "All is as expected."
  exit $failed
fi

expect "root" "$limited" as root "$show"
expect "user" "$limited" as teacher "$show"
expect "user without the variables of a login" "$limited" \
  as teacher "unset XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS; $show"
expect "user of another runtime folder" "$limited" as teacher "XDG_RUNTIME_DIR=/tmp $show"
expect "user without a user manager" "$unlimited neither root's cgroups nor systemd's user scopes are available" \
  setpriv --reuid=visitor --regid=visitor --clear-groups env -i PATH="$PATH" PYTHONDONTWRITEBYTECODE=1 HOME=/home/visitor $show

# As in a container that has a cgroup namespace, may write there, and runs its processes in the folder itself.
in_container() { # SHELL COMMANDS
  mkdir -p /sys/fs/cgroup/container
  sh -c "echo \$\$ > /sys/fs/cgroup/container/cgroup.procs
    exec unshare --cgroup --mount sh -c 'umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && $1'"
}
expect "container with processes in its own folder" \
  "$unlimited processes run in /sys/fs/cgroup itself, as in many containers, and so groups below it have no limits" \
  in_container "$show"
expect "container with a folder of its own for its processes" "$limited" \
  in_container "mkdir /sys/fs/cgroup/own; echo \$\$ > /sys/fs/cgroup/own/cgroup.procs && $show"
expect "container that may not write" "$unlimited the system does not let them be made (Read-only file system)" \
  in_container "mount -o remount,ro,bind /sys/fs/cgroup && $show"
expect "container that sees the host's groups" "$unlimited the system lets no process into a group below /sys/fs/cgroup" \
  sh -c "echo \$\$ > /sys/fs/cgroup/container/cgroup.procs; exec unshare --cgroup $show"

run_tests() { # USER TESTS
  echo "--- $2 as $1"
  as "$1" "CI=true .venv/bin/pytest --color=no -q -p no:cacheprovider $2" 2>&1 | tee /tmp/tests.log || failed=1
  if grep -q "^SKIPPED" /tmp/tests.log; then echo "No test may be skipped here."; failed=1; fi
}
# The attacks meet systemd's scopes here; root's own groups, which differ only in how they are made, they meet in CI.
run_tests root tests/classroom/test_sandbox.py
# One sentence is left out: here, twelve megabytes of brackets take longer to arrive than a call may take.
run_tests teacher "tests/classroom/test_sandbox.py tests/attacks -k 'not garbles-hugely-sent'"
left=$(find /sys/fs/cgroup -name 'run-*.scope' -o -name 'classroom-*')
[ -z "$left" ] || { echo "Groups are left: $left"; failed=1; }
[ $failed = 0 ] && echo "All is as expected."
exit $failed
