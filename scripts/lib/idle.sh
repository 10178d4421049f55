#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What scripts/test does beside its tests: clang-tidy, then the builds for the sanitizers and the
# fuzzers. Prints "ok NAME" or "FAIL NAME" lines.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
failed=0
check() {  # check NAME COMMAND...
  local name=$1
  shift
  if "$@" >&2; then echo "ok $name"; else echo "FAIL $name"; failed=1; fi
}
scripts/lint --tidy || failed=1
check build:asan scripts/build --preset asan --target unit
check build:tsan scripts/build --preset tsan --target threads
check build:fuzz scripts/fuzz --build
exit "$failed"
