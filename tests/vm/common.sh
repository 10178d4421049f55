# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What the checks within guests share. A finding is a line "GUEST ok NAME" or "GUEST FAIL NAME: ...".
guest() { echo "GUEST $*"; }
expect() {  # expect NAME EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then guest "ok $1"; else guest "FAIL $1: expected '$2', got '$3'"; fi
}
# until_true TENTHS COMMAND...: repeats it until it succeeds; bounded, for a guest that hangs tells
# nothing.
until_true() {
  local left=$1
  shift
  while ! "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 0.1
  done
}
start_servers() {
  vm_dial serve 10.77.0.1 8080 song4 &
  vm_dial serve fd77::1 8080 song6 &
  until_true 100 vm_dial dial 10.77.0.1 8080
  until_true 100 vm_dial dial fd77::1 8080
}

dial_all() {  # dial_all WHEN
  expect "$1 IPv4" "song4 10.96.0.10 80" "$(vm_dial dial 10.96.0.10 80)"
  expect "$1 IPv6" "song6 fd96::10 80" "$(vm_dial dial fd96::10 80)"
  expect "$1 mapped" "song4 ::ffff:10.96.0.10 80" "$(vm_dial dial ::ffff:10.96.0.10 80)"
}
