// SPDX-License-Identifier: Apache-2.0
// Into a daemon of another layout the linker puts this between the composition root and
// KernelDataplane::open. HOLDFAST_TRIAL in the environment says, in words, what to do otherwise:
// connects-first, no-cut, pause=MS (before each link's switch), stop-at=STEP (SIGKILL to itself
// before that step, counted from 1), steps (how many there were, on the standard error), and
// unknown-layout (the set then says of itself what no version understands).
#include <bpf/bpf.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

#include "agent/base/fd.h"
#include "agent/dataplane/kernel/kernel.h"
#include "agent/dataplane/kernel/trial.h"
#include "holdfast/abi/names.h"

namespace holdfast {

using Opened = Result<std::unique_ptr<KernelDataplane>>;

// Itanium C++ ABI, 5.1.4, for the names.
Opened real_open(const KernelOptions& options) asm(
    "__real__ZN8holdfast15KernelDataplane4openERKNS_13KernelOptionsE");
Opened wrapped_open(const KernelOptions& options) asm(
    "__wrap__ZN8holdfast15KernelDataplane4openERKNS_13KernelOptionsE");

namespace {

struct Words {
  KernelTrial trial;
  long pause_ms = 0, stop_at = 0, step = 0;
  bool count = false, unknown_layout = false;
};

long number_in(const std::string& word, const std::string& name) {
  return word.starts_with(name) ? std::strtol(word.c_str() + name.size(), nullptr, 10) : 0;
}

void read_words(Words& words) {
  const char* text = std::getenv("HOLDFAST_TRIAL");
  std::istringstream in(text ? text : "");
  for (std::string word; in >> word;) {
    words.trial.connects_first |= word == "connects-first";
    words.trial.no_cut |= word == "no-cut";
    words.count |= word == "steps";
    words.unknown_layout |= word == "unknown-layout";
    words.pause_ms += number_in(word, "pause=");
    words.stop_at += number_in(word, "stop-at=");
  }
}

void forget_layout(const std::string& bpffs) {
  const Fd layout(::bpf_obj_get((bpffs + "/current/layout").c_str()));
  const __u32 key = 0;
  hf_layout other{};
  const std::string text = "holdfast layout 99\n";
  std::copy(text.begin(), text.end(), other.text);
  if (::bpf_map_update_elem(layout.get(), &key, &other, BPF_ANY) != 0) std::abort();
}

}  // namespace

Opened wrapped_open(const KernelOptions& options) {
  static Words words;  // outlives the dataplane
  read_words(words);
  words.trial.before_step = [](const std::string& name) {
    if (++words.step == words.stop_at) ::kill(::getpid(), SIGKILL);
    if (name.starts_with("switch ")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(words.pause_ms));
    }
  };
  KernelOptions with_trial = options;
  with_trial.trial = &words.trial;
  auto opened = real_open(with_trial);
  if (words.count) std::fprintf(stderr, "trial: %ld steps\n", words.step);
  if (words.unknown_layout) forget_layout(options.bpffs);
  return opened;
}

}  // namespace holdfast
