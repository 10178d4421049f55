# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The unit under systemd, from within (a service of the guest). hf.mode on the kernel's command
# line: `unit`, a first boot without a catalog or a snapshot; `unitreboot`, with the snapshot that
# the first left and nothing else.
export PATH=/checks/bin:/usr/bin:/bin HOME=/
# shellcheck source=tests/vm/common.sh
. /checks/common.sh
mode=$(sed -n 's/.*hf\.mode=\([a-z]*\).*/\1/p' /proc/cmdline)
links=/sys/fs/bpf/holdfast/links

property() { systemctl show -P "$1" "${2:-holdfastd}"; }
serving() { [ "$(property StatusText)" = serving ]; }
await() {  # await NAME TENTHS COMMAND...
  local name=$1
  shift
  if until_true "$@"; then guest "ok $name"; else
    guest "FAIL $name: not within $1 tenths of a second"
    systemctl status --no-pager holdfastd | sed 's/^/LOG /'
    journalctl -b --no-pager -n 30 | sed 's/^/LOG /'
  fi
}
new_process() { [ "$(property MainPID)" != "$1" ] && [ "$(property ActiveState)" = active ] && serving; }

# Connects without a pause, counted: `dialled WHAT` ends it.
dial_on() {
  rm -f /run/stop /run/dialled
  (until [ -e /run/stop ]; do
    vm_dial dial 10.96.0.10 80
    vm_dial dial fd96::10 80
  done >/run/dialled) &
  dialling=$!
  sleep 0.5
}
dialled() {
  sleep 0.5
  touch /run/stop
  wait "$dialling"
  all=$(grep -c . /run/dialled)
  failed=$(grep -vc '^song4 10.96.0.10 80$\|^song6 fd96::10 80$' /run/dialled)
  guest "count $1: $all connects, $failed failed"
  [ "$all" -ge 4 ] || guest "FAIL $1: only $all connects, too few to say anything"
}

# As the daemon's process sees the file systems; with all rights, so that only its mounts refuse.
within() {  # within PID COMMAND...
  local pid=$1
  shift
  nsenter -t "$pid" -m -- "$@" 2>/dev/null
}

check_hardening() {
  local pid
  pid=$(property MainPID)
  # CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN.
  expect "its capabilities" 000000c000001000 "$(sed -n 's/^CapBnd:\t//p' "/proc/$pid/status")"
  expect "no new privileges" 1 "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$pid/status")"
  expect "its system calls are filtered" 2 "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")"
  expect "nothing was refused to it" 0 "$(journalctl -u holdfastd --no-pager | grep -ci 'not permitted\|denied\|read-only file')"
  expect "its bpffs is writable" 0 "$(within "$pid" mkdir /sys/fs/bpf/holdfast/within && within "$pid" rmdir /sys/fs/bpf/holdfast/within; echo $?)"
  for directory in /etc /usr /var /sys/fs/cgroup; do
    expect "and $directory is not" 1 "$(within "$pid" mkdir $directory/within; echo $?)"
  done
  expect "nor what the kernel is tuned by" 1 "$(within "$pid" busybox sh -c 'echo 1 >/proc/sys/vm/swappiness'; echo $?)"
  expect "the pins are seen from without" 5 "$(find $links -type f | wc -l)"
}

check_stop() {
  local set
  set=$(readlink /sys/fs/bpf/holdfast/current)
  dial_on
  systemctl stop holdfastd
  sleep 0.5
  systemctl start holdfastd
  dialled "stopped and started"
  expect "a stop and a start fail no connect" 0 "$failed"
  expect "it took over the same maps" "$set" "$(readlink /sys/fs/bpf/holdfast/current)"
}

check_kill() {
  local pid
  pid=$(property MainPID)
  dial_on
  kill -9 "$pid"
  await "killed, systemd starts it again" 300 new_process "$pid"
  dialled "killed"
  expect "a kill fails no connect" 0 "$failed"
  expect "one restart" 1 "$(property NRestarts)"
}

# A process that hangs. The shipped 30 s is shortened, for the sake of this test's time.
check_watchdog() {
  local pid
  mkdir -p /run/systemd/system/holdfastd.service.d
  printf '[Service]\nWatchdogSec=4s\n' >/run/systemd/system/holdfastd.service.d/watchdog.conf
  systemctl daemon-reload
  systemctl restart holdfastd
  pid=$(property MainPID)
  dial_on
  kill -STOP "$pid"
  await "stopped, the watchdog ends it" 600 new_process "$pid"
  dialled "hung"
  expect "a hang fails no connect" 0 "$failed"
  expect "it was the watchdog" 1 "$(journalctl -u holdfastd --no-pager | grep -c 'Watchdog timeout')"
}

# The zeros above count beside this.
check_sabotage() {
  # A daemon that runs keeps the link, and pins it again.
  systemctl stop holdfastd
  dial_on
  rm -f $links/hf_connect4
  sleep 1
  dialled "sabotage, a link removed"
  if [ "$failed" -gt 0 ]; then guest "ok sabotage: without its link connects fail"; else
    guest "FAIL sabotage: without its link connects fail: none of $all did"
  fi
  systemctl start holdfastd
  dial_all "after the next start"
}

unit_first() {
  expect "without a catalog the unit is active" active "$(property ActiveState)"
  expect "and says that it waits" "waiting for a first catalog" "$(property StatusText)"
  expect "nothing answers before" "connect ENETUNREACH" "$(vm_dial dial 10.96.0.10 80)"
  ready=$(property ActiveEnterTimestampMonotonic)
  waiter=$(property ExecMainStartTimestampMonotonic kubelet)
  expect "who waits for it has started, later" yes "$([ "$ready" -gt 0 ] && [ "$waiter" -gt "$ready" ] && echo yes)"
  cp -r /etc/holdfast/later.d /etc/holdfast/new.d
  mv /etc/holdfast/new.d /etc/holdfast/catalog.d
  await "the catalog comes, it serves" 300 serving
  dial_all "dial"
  check_hardening
  check_stop
  check_kill
  check_watchdog
  check_sabotage
  expect "no unit has failed" "" "$(systemctl --failed --no-legend --plain)"
  holdfast check >/run/check 2>/dev/null
  expect "check exits 0" 0 "$?"
  sed 's/^/CHECK /' /run/check
  rm -rf /etc/holdfast/catalog.d
}

unit_reboot() {
  expect "the catalog is gone" "" "$(ls -d /etc/holdfast/catalog.d 2>/dev/null)"
  expect "from the snapshot it is serving" serving "$(property StatusText)"
  expect "the first start did it" 0 "$(property NRestarts)"
  expect "the first connect" "song4 10.96.0.10 80" "$(vm_dial dial 10.96.0.10 80)"
  expect "the first connect, IPv6" "song6 fd96::10 80" "$(vm_dial dial fd96::10 80)"
}

case $mode in
  unit) unit_first ;;
  unitreboot) unit_reboot ;;
  *) guest "FAIL mode: '$mode'" ;;
esac
guest "end"
systemctl poweroff --no-block
