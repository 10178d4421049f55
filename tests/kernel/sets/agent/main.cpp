// SPDX-License-Identifier: Apache-2.0
// A daemon's kernel side in one process that ends: opens, fills, attaches, and stops where told.
//
//   sets_agent CGROUP BPFFS [--room SERVICES] [--limit SERVICES] [--services N --port P]
//              [--rebuild] [--stop-at STEP] [--stop-before NAME] [--connects-first] [--no-cut]
//              [--pause MS]
//
// --stop-at: SIGKILL to itself before that step, counted from 1; --stop-before: before the first
// whose name begins so. SETS_SHOW_STEPS in the environment lists them. --pause: before each link's
// switch. Built once more for each other layout (tests/kernel/sets/layouts.cmake), without
// --services.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "agent/dataplane/kernel/kernel.h"
#include "agent/dataplane/kernel/trial.h"
#ifndef HOLDFAST_OTHER_LAYOUT
#include "tests/kernel/sets/agent/content.h"
#endif

namespace {

using namespace holdfast;

struct Arguments {
  KernelOptions options;
  KernelTrial trial;
  std::uint32_t services = 0;
  std::uint16_t port = 0;
  bool rebuild = false;
  long stop_at = 0;
  std::string stop_before;
  int pause_ms = 0;
};

Arguments parse(int argc, char** argv) {
  Arguments result;
  result.options.cgroup = argv[1];
  result.options.bpffs = argv[2];
  result.options.capacity = capacity_for(8, 16);
  for (int one = 3; one < argc; ++one) {
    const std::string flag = argv[one];
    const auto number = [&] { return std::strtol(argv[++one], nullptr, 10); };
    const auto room = [&] {
      const auto services = static_cast<std::uint32_t>(number());
      return capacity_for(services, 2 * services);
    };
    if (flag == "--room") result.options.capacity = room();
    if (flag == "--limit") result.options.limit = room();
    if (flag == "--services") result.services = static_cast<std::uint32_t>(number());
    if (flag == "--port") result.port = static_cast<std::uint16_t>(number());
    if (flag == "--rebuild") result.rebuild = true;
    if (flag == "--stop-at") result.stop_at = number();
    if (flag == "--stop-before") result.stop_before = argv[++one];
    if (flag == "--connects-first") result.trial.connects_first = true;
    if (flag == "--no-iterator") result.trial.no_iterator = true;
    if (flag == "--no-cut") result.trial.no_cut = true;
    if (flag == "--pause") result.pause_ms = static_cast<int>(number());
  }
  return result;
}

int failed(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", std::string(to_string(error.code)).c_str(), error.what.c_str());
  return 1;
}

int run(Arguments& arguments) {
  long step = 0;
  arguments.trial.before_step = [&](const std::string& name) {
    if (std::getenv("SETS_SHOW_STEPS")) std::printf("step %ld: %s\n", step + 1, name.c_str());
    const bool named = !arguments.stop_before.empty() && name.starts_with(arguments.stop_before);
    if (++step == arguments.stop_at || named) ::kill(::getpid(), SIGKILL);
    if (name.starts_with("switch ")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(arguments.pause_ms));
    }
  };
  arguments.options.trial = &arguments.trial;
  auto dataplane = KernelDataplane::open(arguments.options);
  if (!dataplane) return failed(dataplane.error());
#ifndef HOLDFAST_OTHER_LAYOUT
  if (arguments.services) {
    if (auto filled = test::fill(**dataplane, arguments.services, arguments.port); !filled) {
      return failed(filled.error());
    }
  }
#endif
  if (auto attached = (*dataplane)->attach(); !attached) return failed(attached.error());
  if (arguments.rebuild) {
    if (auto moved = (*dataplane)->grow((*dataplane)->capacity()); !moved) {
      return failed(moved.error());
    }
  }
  for (const ProgramStatus& program : (*dataplane)->programs()) {
    if (!program.left_out.empty()) std::printf("left out %s\n", program.name.c_str());
  }
  for (const std::string& warning : (*dataplane)->warnings()) {
    std::printf("warning: %s\n", warning.substr(0, warning.find('\n')).c_str());
  }
  std::printf("steps %ld\nset %u\n", step, (*dataplane)->set());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  Arguments arguments = parse(argc, argv);
  return run(arguments);
}
