# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Finds the linter for Python: Debian 12 has no package of it. Sourced, not run.

holdfast_ruff=0.17.6

# Prints the path of ruff: one from PyPI's wheel, kept.
find_ruff() {
  local kept=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast/ruff-$holdfast_ruff
  if [ ! -x "$kept/bin/ruff" ]; then
    rm -rf "$kept" "$kept.new"
    python3 -m pip install --quiet --target "$kept.new" "ruff==$holdfast_ruff" >&2 ||
      { echo "pip could not install ruff $holdfast_ruff" >&2; return 1; }
    mv "$kept.new" "$kept"
  fi
  echo "$kept/bin/ruff"
}
