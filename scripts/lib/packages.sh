# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# The one list of Debian packages, and their installation. Sourced, not run.

holdfast_packages_build=(g++ cmake ninja-build pkg-config clang-14 llvm-14 bpftool libbpf-dev libelf-dev
  zlib1g-dev linux-libc-dev libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev
  libyaml-cpp-dev libcli11-dev libfmt-dev libspdlog-dev libexpected-dev libxxhash-dev libcap-dev prometheus-cpp-dev
  ccache mold)
holdfast_packages_demo=(iproute2 python3 curl)
holdfast_packages_test=(libgtest-dev libgmock-dev librapidcheck-dev clang-format-14 clang-tidy-14
  shellcheck scdoc iproute2 python3 python3-pip curl strace systemd zsh fish)
holdfast_packages_fuzz=(clang-14 libclang-rt-14-dev)

# For scripts/cluster and tests/cluster (pip: where Go is too old; nftables, iptables: for kube-proxy).
holdfast_packages_cluster=(python3 python3-pip openssl util-linux ca-certificates)
holdfast_packages_nodes=(containerd runc containernetworking-plugins busybox-static iproute2 nftables iptables)

# For scripts/vm: guests with kernels of other versions (those are fetched, not installed).
holdfast_packages_vm=(qemu-system-x86 busybox-static cpio kmod xz-utils e2fsprogs python3)

# install_packages GROUP...: installs what is missing of the groups, and says so.
install_packages() {
  local group missing=() name
  for group in "$@"; do
    local -n list=holdfast_packages_$group
    for name in "${list[@]}"; do
      dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
  done
  if [ "${#missing[@]}" -eq 0 ]; then
    echo "packages: all there"
    return 0
  fi
  if ! command -v apt-get >/dev/null; then
    echo "packages: this needs Debian or Ubuntu (apt-get); missing: ${missing[*]}" >&2
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    echo "packages: must be root to install: ${missing[*]}" >&2
    return 1
  fi
  echo "packages: installing ${#missing[@]}: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || { echo "packages: apt-get update failed" >&2; return 1; }
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    { echo "packages: apt-get install failed; run it by hand to see why" >&2; return 1; }
}
