// SPDX-License-Identifier: Apache-2.0
// Bad configurations: every problem at once, each with what, where and what was expected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "agent/config/config.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> problems(const std::string& text) {
  std::vector<std::string> result;
  for (const Problem& one : parse_config(text, "c").problems) result.push_back(one.to_string());
  return result;
}

struct Bad {
  const char* text;
  const char* problem;
};

class OneProblem : public testing::TestWithParam<Bad> {};

TEST_P(OneProblem, IsToldWithItsPlace) {
  EXPECT_THAT(problems(GetParam().text), ElementsAre(StartsWith(GetParam().problem)));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, OneProblem,
    testing::Values(
        Bad{"nodes: {}\n", "c:1:1: unknown key 'nodes' in the configuration; did you mean 'node'?"},
        Bad{"node:\n  nmae: n1\n", "c:2:3: unknown key 'nmae' in node; did you mean 'name'?"},
        Bad{"wholly: 1\n",
            "c:1:1: unknown key 'wholly' in the configuration; expected one of: node"},
        Bad{"dataplane:\n  capacity: {slots: 1}\n",
            "c:2:14: unknown key 'slots' in dataplane.capacity; expected one of: services"},
        Bad{"sources:\n- name: a\n  file: {path: /a}\n  rolle: fallback\n",
            "c:4:3: unknown key 'rolle' in a source; did you mean 'role'?"},
        Bad{"node: {name: a}\nadmin: {}\nnode: {name: b}\n", "c:3:1: duplicate key 'node'"},
        Bad{"node: {name: a, name: b}\n", "c:1:17: duplicate key 'name'"},
        Bad{"state_dir: /a\n---\nstate_dir: /b\n", "c:3:1: a configuration is one document"},
        Bad{"state_dir: [/a\n", "c:2:1: the text ends"},
        Bad{"- a\n", "c:1:1: the configuration must be a mapping, not a list"},
        Bad{"hello\n", "c:1:1: the configuration must be a mapping, not a string"}));

INSTANTIATE_TEST_SUITE_P(
    Types, OneProblem,
    testing::Values(
        Bad{"node: n1\n", "c:1:7: node must be a mapping, not a string"},
        Bad{"node: {name: 7}\n", "c:1:14: expected a string, not '7'"},
        Bad{"node: {name: ''}\n", "c:1:14: expected a string, not ''"},
        Bad{"node: {name: ~}\n", "c:1:14: expected a string"},
        Bad{"state_dir: [a]\n", "c:1:12: expected a string"},
        Bad{"state_dir: var/lib\n", "c:1:12: expected an absolute path, not 'var/lib'"},
        Bad{"state_dir: auto\n", "c:1:12: expected an absolute path, not 'auto'"},
        Bad{"dataplane: {bpffs: auto}\n", "c:1:20: expected an absolute path, not 'auto'"},
        Bad{"dataplane: {cgroup: some}\n", "c:1:21: expected an absolute path or auto, not 'some'"},
        Bad{"admin: {socket: auto}\n", "c:1:17: expected an absolute path, not 'auto'"},
        Bad{"dataplane: {capacity: {services: 0}}\n",
            "c:1:34: expected an integer from 1 to 1048576 or auto, not '0'"},
        Bad{"dataplane: {capacity: {services: many}}\n", "c:1:34: expected an integer from 1 to"},
        Bad{"dataplane: {capacity: {endpoints: 4194305}}\n",
            "c:1:35: expected an integer from 1 to 4194304 or auto, not '4194305'"},
        Bad{"guard: {accident_services: \"3\"}\n", "c:1:28: expected an integer"},
        Bad{"guard: {accident_nodes: -1}\n", "c:1:25: expected an integer"},
        Bad{"guard: {accident_window_seconds: 1.5}\n", "c:1:34: expected an integer"},
        Bad{"guard: {last_ready_settle_ms: 99999999999999999999}\n", "c:1:31: expected an integer"},
        Bad{"guard: {absences: 1}\n", "c:1:19: expected an integer from 2 to 1000, not '1'"},
        Bad{"guard: {hold_endpoints_percent: 101}\n", "c:1:33: expected an integer from 0 to 100"},
        Bad{"guard: {probe: {per_secnd: 1}}\n",
            "c:1:17: unknown key 'per_secnd' in guard.probe; did you mean 'per_second'?"},
        Bad{"guard: {probe: {interval_seconds: 90}}\n",
            "c:1:16: longest_interval_seconds (60) is less than interval_seconds (90)"},
        Bad{"guard: {enabled: yes}\n", "c:1:18: expected true or false, not 'yes'"},
        Bad{"guard: {enabled: 'true'}\n", "c:1:18: expected true or false"}));

INSTANTIATE_TEST_SUITE_P(
    Listen, OneProblem,
    testing::Values(Bad{"admin: {listen: 9464}\n", "c:1:17: expected ADDRESS:PORT or none"},
                    Bad{"admin: {listen: localhost:9464}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: '127.0.0.1:70000'}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: '127.0.0.1:http'}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: '127.0.0.1:'}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: '127.0.0.1:000080'}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: ':9464'}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: '::1:9464'}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: '[127.0.0.1]:9464'}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: [127.0.0.1]}\n", "c:1:17: expected ADDRESS:PORT"},
                    Bad{"admin: {listen: ''}\n", "c:1:17: expected ADDRESS:PORT"}));

INSTANTIATE_TEST_SUITE_P(
    Sources, OneProblem,
    testing::Values(
        Bad{"sources: {}\n", "c:1:10: sources must be a list"},
        Bad{"sources: [a]\n", "c:1:11: a source must be a mapping, not a string"},
        Bad{"sources: [{name: a}]\n", "c:1:11: a source needs exactly one kind: file"},
        Bad{"sources: [{name: a, file: {}}]\n", "c:1:27: file.path is missing"},
        Bad{"sources: [{name: a, file: {path: rel}}]\n",
            "c:1:34: expected an absolute path, not 'rel'"},
        Bad{"sources: [{name: a, file: {path: auto}}]\n",
            "c:1:34: expected an absolute path, not 'auto'"},
        Bad{"sources: [{file: {path: /a}}]\n", "c:1:11: a source needs a name of a-z, 0-9 and '-'"},
        Bad{"sources: [{name: A/b, file: {path: /a}}]\n", "c:1:11: a source needs a name of"},
        Bad{"sources: [{name: a, role: primary, file: {path: /a}}]\n",
            "c:1:27: role must be fallback, or left out"},
        Bad{"sources: [{name: a, xds: {}}]\n", "c:1:26: source kind xds is not in this version"},
        Bad{"sources: [{name: a, kubernetes: {servers: []}}]\n", "c:1:43: expected a list of URLs"},
        Bad{"sources: [{name: a, kubernetes: {servers: [10.0.0.1]}}]\n",
            "c:1:44: expected https://HOST:PORT, not '10.0.0.1'"},
        Bad{"sources: [{name: a, kubernetes: {kubeconfig: k}}]\n",
            "c:1:46: expected an absolute path, not 'k'"},
        Bad{"sources: [{name: a, kubernetes: {kubeconfig: /k, in_cluster: true}}]\n",
            "c:1:33: kubeconfig and in_cluster exclude each other"},
        Bad{"sources: [{name: a, kubernetes: {silence_seconds: 1}}]\n",
            "c:1:51: expected an integer from 5 to 3600"},
        Bad{"sources:\n- {name: a, file: {path: /a}}\n- {name: a, file: {path: /b}}\n",
            "c:3:3: two sources are named 'a'"}));

TEST(Problems, AreToldAllAtOnceInTheirOrder) {
  EXPECT_THAT(problems("state_dir: 7\nodd: 1\nguard: {enabled: 3}\nsources: [{name: a}]\n"),
              ElementsAre(StartsWith("c:1:12:"), StartsWith("c:2:1:"), StartsWith("c:3:18:"),
                          StartsWith("c:4:11:")));
}

TEST(Problems, ABadSourceIsNotReplacedByTheDefaultOne) {
  const ConfigResult result = parse_config("sources: [{name: a}]\n", "c");
  EXPECT_TRUE(result.config.sources.empty());
  EXPECT_FALSE(result.problems.empty());
}

TEST(Problems, DeepNestingAndAliasesAreBoundedToo) {
  std::string deep = "node: ";
  for (int level = 0; level < 20000; ++level) deep += "{a: ";
  EXPECT_THAT(problems(deep), ElementsAre(StartsWith("c:1:")));
}

RC_GTEST_PROP(Problems, AnyTextIsAnswered, ()) {
  const std::string seed =
      "node: {name: n1}\ndataplane: {capacity: {services: 5}}\nadmin: {listen: '127.0.0.1:1'}\n"
      "guard: {enabled: true}\nsources:\n- {name: a, role: fallback, file: {path: /a}}\n";
  std::string text = seed.substr(0, *rc::gen::inRange<std::size_t>(0, seed.size() + 1));
  const auto flips = *rc::gen::container<std::vector<std::pair<std::size_t, char>>>(
      rc::gen::pair(rc::gen::arbitrary<std::size_t>(), rc::gen::arbitrary<char>()));
  if (!text.empty()) {
    for (const auto& [at, byte] : flips) text[at % text.size()] = byte;
  }
  const ConfigResult result = parse_config(text, "c");
  for (const Problem& one : result.problems) {
    RC_ASSERT(one.line >= 1);
    RC_ASSERT(one.column >= 1);
  }
  RC_ASSERT((!result.config.sources.empty() || !result.problems.empty()));
}

}  // namespace
}  // namespace holdfast
