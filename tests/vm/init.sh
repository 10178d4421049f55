#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The first process of a guest. Its mode comes on the kernel's command line (hf.mode=...). Each
# finding is a line "GUEST ok NAME" or "GUEST FAIL NAME: ..."; "GUEST end" is the last.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
hostname guest
ip link set lo up
ip addr add 10.77.0.1/32 dev lo
ip addr add fd77::1/128 dev lo
mode=$(sed -n 's/.*hf\.mode=\([a-z]*\).*/\1/p' /proc/cmdline)

# shellcheck source=tests/vm/common.sh
. /common.sh
finish() {
  guest "end"
  sync
  poweroff -f
  sleep 60
}
start_daemon() {
  holdfastd >/run/holdfastd.log 2>&1 &
  daemon=$!
  until_true 600 holdfast status && return
  guest "FAIL start: holdfastd did not become ready"
  sed 's/^/LOG /' /run/holdfastd.log
  holdfast check | sed 's/^/LOG /'
}
counter() { holdfast map dump counters --no-headers | awk -v name="$1" '$1 == name { print $2 }'; }

mode_dial() {
  start_servers
  expect "nothing answers before" "connect ENETUNREACH" "$(vm_dial dial 10.96.0.10 80)"
  start_daemon
  dial_all "dial"
  # What a kernel lacks shows in both: in what a connect gets, and in what `check` says of it.
  before=$(counter empty_passed)
  empty=$(vm_dial dial 10.96.0.11 80)
  passed=$(($(counter empty_passed) - before))
  holdfast check >/run/check 2>/dev/null
  code=$?
  sed 's/^/CHECK /' /run/check
  expect "check exits 0" 0 "$code"
  expect "check sees the programs" 1 "$(grep -c '^OK   programs: 5 attached' /run/check)"
  if grep -q '^OK   refuse' /run/check; then
    expect "an empty pool refuses" "connect ECONNREFUSED 0" "$empty $passed"
  else
    expect "an empty pool passes, counted" "connect ENETUNREACH 1" "$empty $passed"
    expect "check says so" 1 "$(grep -c '^WARN refuse.*bpf_set_retval' /run/check)"
  fi
  expect "evidence" 1 "$(holdfast endpoint list --no-headers | grep -c '^10.77.0.1:8080\|^10.77.0.1 ')"
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null
  dial_all "with the daemon dead"
  expect "check with the daemon dead" 1 "$(holdfast check 2>/dev/null | grep -c '^WARN holdfastd:')"
  mode_refused
  start_daemon
  dial_all "after its return"
}

# A build whose program the verifier refuses: it must fail, and what served must go on.
mode_refused() {
  refused_agent /sys/fs/cgroup /sys/fs/bpf/holdfast >/run/refused 2>&1
  code=$?
  expect "a refused program ends its agent" 1 "$code"
  expect "and its error is the verifier's" 1 "$(grep -c 'invalid mem access' /run/refused)"
  dial_all "after a refused program"
}

disk() {  # disk DIRECTORY
  modprobe virtio_pci
  modprobe virtio_blk
  modprobe ext4
  until_true 100 test -b /dev/vda
  mount -t ext4 /dev/vda "$1" || guest "FAIL disk: not mounted"
}

# With its source: the generation gets to the disk.
mode_first() {
  disk /var/lib/holdfast
  start_servers
  start_daemon
  dial_all "first boot"
  kill "$daemon"
  wait "$daemon"
  expect "a snapshot is on the disk" 0 "$(ls /var/lib/holdfast/*.snap >/dev/null 2>&1; echo $?)"
  umount /var/lib/holdfast
}

# The source's directory is gone: only the disk knows. Then saves without end: the power is cut.
mode_reboot() {
  rm -rf /etc/holdfast/catalog.d
  disk /var/lib/holdfast
  guest "partial $(find /var/lib/holdfast -name '*.new' | wc -l)"
  start_servers
  start_daemon
  expect "the first connect" "song4 10.96.0.10 80" "$(vm_dial dial 10.96.0.10 80)"
  expect "the first connect, IPv6" "song6 fd96::10 80" "$(vm_dial dial fd96::10 80)"
  guest "generation $(holdfast status | sed -n 's/^generation *//p')"
  guest "corrupt $(find /var/lib/holdfast -name '*.corrupt*' | wc -l)"
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null
  vm_writer /var/lib/holdfast
}

# The sabotage arm: the same boot without the files must redirect nothing.
mode_sabotage() {
  rm -rf /etc/holdfast/catalog.d
  disk /var/lib/holdfast
  rm -f /var/lib/holdfast/*
  start_servers
  holdfastd >/run/holdfastd.log 2>&1 &
  until_true 300 test -S /run/holdfast/admin.sock || guest "FAIL start: no admin socket"
  until_true 50 holdfast status
  expect "no snapshot, no redirect" "connect ENETUNREACH" "$(vm_dial dial 10.96.0.10 80)"
}

# A root file system with systemd in it takes over from here (unit.sh).
mode_unit() {
  mkdir -p /root
  disk /root
  umount /sys/fs/bpf /sys/fs/cgroup /run /sys /proc
  exec switch_root /root /lib/systemd/systemd
}

case $mode in
  unit*) mode_unit ;;
  dial | first | reboot | sabotage) "mode_$mode" ;;
  *) guest "FAIL mode: '$mode'" ;;
esac
finish
