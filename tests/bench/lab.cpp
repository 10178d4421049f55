// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/lab.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "agent/dataplane/kernel/kernel.h"

namespace holdfast::bench {

void give_up(const std::string& what) {
  throw std::runtime_error(errno ? what + ": " + std::strerror(errno) : what);
}

void require(bool good, const std::string& what) {
  if (!good) give_up(what);
}

namespace {

constexpr std::string_view kPrefix = "holdfast_bench_";
pid_t worker = 0;

void pass_on(int signal) {
  if (worker > 0) ::kill(worker, signal);
}

// Cgroups of runs that were killed with their parent.
void sweep(const std::string& root) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    const std::string name = entry.path().filename();
    if (name.rfind(kPrefix, 0) != 0) continue;
    const pid_t owner = static_cast<pid_t>(std::atoi(name.c_str() + kPrefix.size()));
    if (owner > 0 && ::kill(owner, 0) != 0 && errno == ESRCH) ::rmdir(entry.path().c_str());
  }
}

void raise_loopback() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  require(::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0, "raise loopback");
}

void enter(const Lab& lab) {
  std::ofstream procs(lab.cgroup + "/cgroup.procs");
  procs << ::getpid() << std::flush;
  require(procs.good(), "move to cgroup " + lab.cgroup);
  require(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "new namespaces");
  raise_loopback();
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
  require(::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) == 0, "mount bpffs");
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(lab.cpu, &set);
  require(::sched_setaffinity(0, sizeof set, &set) == 0, "pin to CPU " + std::to_string(lab.cpu));
  // Whatever else runs on that CPU gets little of it, but is not shut out.
  (void)::setpriority(PRIO_PROCESS, 0, -20);
}

int work_in(const Lab& lab, const std::function<int(const Lab&)>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    enter(lab);
    return work(lab);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdfast_bench: %s\n", error.what());
    return 1;
  }
}

}  // namespace

int in_lab(int cpu, const std::function<int(const Lab&)>& work) {
  if (::geteuid() != 0) {
    std::fputs("holdfast_bench: loads programs and makes a cgroup: needs root\n", stderr);
    return 1;
  }
  const auto root = find_cgroup2_root();
  if (!root) {
    std::fprintf(stderr, "holdfast_bench: %s\n", root.error().what.c_str());
    return 1;
  }
  sweep(*root);
  const Lab lab{*root + "/" + std::string(kPrefix) + std::to_string(::getpid()),
                "/sys/fs/bpf/holdfast", cpu};
  if (::mkdir(lab.cgroup.c_str(), 0755) != 0) {
    std::fprintf(stderr, "holdfast_bench: make cgroup %s: %s\n", lab.cgroup.c_str(),
                 std::strerror(errno));
    return 1;
  }
  worker = ::fork();
  if (worker == 0) {
    const int result = work_in(lab, work);
    std::fflush(nullptr);
    ::_exit(result);
  }
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, pass_on);
  int status = 0;
  while (::waitpid(worker, &status, 0) < 0 && errno == EINTR) {
  }
  ::rmdir(lab.cgroup.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

void route_to_loopback(std::string_view prefix) {
  const bool v6 = prefix.find(':') != std::string_view::npos;
  const std::string command =
      std::string("ip ") + (v6 ? "-6 " : "") + "route add local " + std::string(prefix) + " dev lo";
  require(std::system(command.c_str()) == 0, "'" + command + "' (package iproute2)");
}

}  // namespace holdfast::bench
