// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/script.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>

namespace holdfast::scenario {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

[[noreturn]] void refuse(int line, const std::string& what) {
  throw std::runtime_error(fmt::format("line {}: {}", line, what));
}

// "31s", "500ms", "10m"
std::chrono::milliseconds duration_of(const std::string& word) {
  std::size_t end = 0;
  const long number = std::stol(word, &end);
  const std::string unit = word.substr(end);
  if (unit == "ms") return std::chrono::milliseconds(number);
  if (unit == "s") return std::chrono::seconds(number);
  if (unit == "m") return std::chrono::minutes(number);
  throw std::runtime_error("no duration: " + word);
}

std::string endpoint_yaml(std::string word) {
  std::string uid;
  if (const auto at = word.find('='); at != std::string::npos) {
    uid = word.substr(at + 1);
    word.resize(at);
  }
  const char mark = word.back();
  if (mark == '!' || mark == '~') word.pop_back();
  if (uid.empty()) uid = "pod-" + word;
  return fmt::format(
      "- addresses: ['{}']\n  conditions: {{ready: {}, serving: {}, terminating: {}}}\n"
      "  nodeName: n2\n  targetRef: {{kind: Pod, name: p, namespace: default, uid: '{}'}}\n",
      word, mark != '!' && mark != '~', mark != '!', mark == '~', uid);
}

std::string service_yaml(const std::vector<std::string>& words) {
  const auto arrow = std::find(words.begin(), words.end(), "->");
  if (arrow != words.begin() + 2) throw std::runtime_error("no service: " + words.front());
  const auto colon = words[1].rfind(':');
  std::string address = words[1].substr(0, colon);
  const bool v6 = address.front() == '[';
  if (v6) address = address.substr(1, address.size() - 2);
  std::string text = fmt::format(
      "apiVersion: v1\nkind: Service\nmetadata: {{name: {0}, namespace: default}}\n"
      "spec:\n  clusterIP: '{1}'\n  clusterIPs: ['{1}']\n  ports: [{{port: {2}}}]\n---\n"
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
      "metadata: {{name: {0}-1, namespace: default, labels: {{kubernetes.io/service-name: {0}}}}}\n"
      "addressType: {3}\nports: [{{port: 8080}}]\nendpoints:",
      words[0], address, words[1].substr(colon + 1), v6 ? "IPv6" : "IPv4");
  if (arrow + 1 == words.end()) return text + " []\n---\n";
  text += "\n";
  for (auto word = arrow + 1; word != words.end(); ++word) text += endpoint_yaml(*word);
  return text + "---\n";
}

class Runner {
 public:
  std::vector<std::string> run(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      const auto verb = verbs_.find(step.words[0]);
      if (verb == verbs_.end()) refuse(step.line, "no such step: " + step.words[0]);
      step_ = &step;
      verb->second(step);
    }
    return std::move(wrong_);
  }

 private:
  World& world() {
    if (!world_.pipeline) world_.begin();
    return world_;
  }

  static std::string word(const Step& step, std::size_t at) {
    if (at >= step.words.size()) refuse(step.line, "something is missing at its end");
    return step.words[at];
  }

  void compare(const std::string& what, const std::vector<std::string>& have) {
    std::vector<std::string> want = step_->body;
    if (want == std::vector<std::string>{"none"}) want.clear();
    if (have == want) return;
    wrong_.push_back(fmt::format("line {}: {}:\n  {}\nexpected:\n  {}", step_->line, what,
                                 fmt::join(have, "\n  "), fmt::join(want, "\n  ")));
  }

  void set(const Step& step) {
    if (world_.pipeline) refuse(step.line, "a life has begun");
    const std::string key = word(step, 1), value = word(step, 2);
    if (key == "guard") {
      world_.guard.enabled = value != "off";
    } else if (key == "services") {
      world_.room.services = std::stoul(value);
    } else if (key == "endpoints") {
      world_.room.endpoints = std::stoul(value);
    } else {
      refuse(step.line, "no such setting: " + key);
    }
  }

  void expect(const Step& step) {
    const std::string what = word(step, 1);
    if (what == "services:") return compare("services", world().services());
    if (what == "holds:") return compare("holds", world().holds());
    if (what == "probed:") return compare("probed", world().probed());
    if (what == "left:") return compare("left", world().left());
    if (what == "ops:") return compare("ops", std::exchange(world().maps->operations, {}));
    if (what == "ready:") {
      auto pending = world().pipeline->serving().pending();
      return compare("not ready", pending);
    }
    refuse(step.line, "nothing to expect: " + what);
  }

  void found(const Step& step) {
    static const std::map<std::string, Verdict> verdicts = {{"alive", Verdict::alive},
                                                            {"silent", Verdict::silent},
                                                            {"dead", Verdict::dead},
                                                            {"unknown", Verdict::unknown}};
    const auto verdict = verdicts.find(word(step, 2));
    if (verdict == verdicts.end()) refuse(step.line, "no verdict");
    world().find(word(step, 1), verdict->second, "by the script");
  }

  void decide(const Step& step, bool accept) {
    const std::string of = word(step, 1);
    std::string id = of;
    for (const GuardedSource& source : world().pipeline->intake().sources()) {
      for (const HoldName& hold : source.guard.hold_names()) {
        if (hold.service.name == of) id = hold.id;
      }
    }
    if (auto decided = world().pipeline->intake().decide(id, accept); !decided)
      wrong_.push_back(fmt::format("line {}: {}", step.line, decided.error().what));
    world().pass(0s);
  }

  World world_;
  const Step* step_ = nullptr;
  std::vector<std::string> wrong_;
  // clang-format off
  const std::map<std::string, std::function<void(const Step&)>> verbs_ = {
      {"set",     [this](const Step& s) { set(s); }},
      {"services", [this](const Step& s) { world_.files[word(s, 1)] = objects(s.body); }},
      {"text",    [this](const Step& s) { world_.files[word(s, 1)] = fmt::format("{}\n", fmt::join(s.body, "\n")); }},
      {"remove",  [this](const Step& s) { world_.files.erase(word(s, 1)); }},
      {"read",    [this](const Step&)   { world().read(); }},
      {"wait",    [this](const Step& s) { world().pass(duration_of(word(s, 1))); }},
      {"found",   [this](const Step& s) { found(s); }},
      {"accept",  [this](const Step& s) { decide(s, true); }},
      {"reject",  [this](const Step& s) { decide(s, false); }},
      {"restart", [this](const Step&)   { world_.restart(); }},
      {"reboot",  [this](const Step&)   { world_.reboot(true); }},
      {"new-node", [this](const Step&)  { world_.reboot(false); }},
      {"break",   [this](const Step&)   { world().maps->broken = true; }},
      {"mend",    [this](const Step&)   { world().maps->broken = false; }},
      {"expect",  [this](const Step& s) { expect(s); }},
  };
  // clang-format on
};

}  // namespace

std::vector<Step> parse(const std::string& text) {
  std::vector<Step> steps;
  std::istringstream in(text);
  int number = 0;
  std::size_t indent = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    if (begin == 0) {
      steps.push_back({number, words_of(line), {}});
      continue;
    }
    if (steps.empty()) refuse(number, "indented, and there is no step above it");
    if (steps.back().body.empty()) indent = begin;
    steps.back().body.push_back(line.substr(std::min(begin, indent)));
  }
  return steps;
}

std::string objects(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += service_yaml(words_of(line));
  return text;
}

std::vector<std::string> run(const std::string& text) {
  return Runner().run(parse(text));
}

}  // namespace holdfast::scenario
