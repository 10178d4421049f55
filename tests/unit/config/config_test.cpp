// SPDX-License-Identifier: Apache-2.0
// What a good configuration means: defaults, every key, and what wins over the file.
#include "agent/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Config good(const std::string& text) {
  ConfigResult result = parse_config(text, "config.yaml");
  for (const Problem& one : result.problems) ADD_FAILURE() << one.to_string();
  return result.config;
}

TEST(Defaults, AreThoseOfTheDesign) {
  for (const char* text : {"", "# nothing\n", "{}", "node:\ndataplane: {capacity:}\nadmin: {}\n"}) {
    const Config config = good(text);
    EXPECT_EQ(config.cgroup, "auto");
    EXPECT_EQ(config.bpffs, "/sys/fs/bpf/holdfast");
    EXPECT_EQ(config.state_dir, "/var/lib/holdfast");
    EXPECT_EQ(config.admin_socket, "/run/holdfast/admin.sock");
    EXPECT_EQ(config.admin_listen, "127.0.0.1:9464");
    EXPECT_EQ(config.capacity_services, 0u);
    EXPECT_TRUE(config.guard.enabled);
    ASSERT_EQ(config.sources.size(), 1u) << "works without a cluster, and without a file";
    EXPECT_EQ(std::get<FileSourceConfig>(config.sources[0].kind).path, "/etc/holdfast/catalog.d");
  }
}

constexpr const char* kEveryKey = R"(
node: {name: n1, zone: z1}
dataplane: {cgroup: /sys/fs/cgroup/x, bpffs: /sys/fs/bpf/x, capacity: {services: 100, endpoints: auto}}
state_dir: /s
admin: {socket: /a.sock, listen: "[::1]:9464"}
guard:
  enabled: false
  accident_window_seconds: 5
  accident_services: 6
  accident_nodes: 7
  last_ready_settle_ms: 8
  absences: 9
  absence_spacing_seconds: 10
  hold_endpoints_percent: 11
  hold_endpoints_least: 12
  hold_services_percent: 13
  hold_services_least: 14
  hold_window_seconds: 15
  refused_seconds: 21
  probe: {enabled: false, per_second: 16, in_flight: 17, timeout_ms: 18, interval_seconds: 19, longest_interval_seconds: 20}
sources:
- name: first
  file: {path: /etc/first}
- name: disaster
  role: fallback
  file: {path: /etc/second.yaml}
- name: cluster
  kubernetes: {kubeconfig: /k, servers: ['https://a:1', 'https://b:2'], silence_seconds: 22, compare_seconds: 23}
)";

TEST(EveryKey, IsRead) {
  const Config config = good(kEveryKey);
  EXPECT_EQ(config.node_name, "n1");
  EXPECT_EQ(config.node_zone, "z1");
  EXPECT_EQ(config.cgroup, "/sys/fs/cgroup/x");
  EXPECT_EQ(config.bpffs, "/sys/fs/bpf/x");
  EXPECT_EQ(config.capacity_services, 100u);
  EXPECT_EQ(config.capacity_endpoints, 0u) << "auto";
  EXPECT_EQ(config.state_dir, "/s");
  EXPECT_EQ(config.admin_socket, "/a.sock");
  EXPECT_EQ(config.admin_listen, "[::1]:9464");
  EXPECT_FALSE(config.guard.enabled);
  EXPECT_EQ(config.guard.accident_window, std::chrono::seconds(5));
  EXPECT_EQ(config.guard.accident_services, 6u);
  EXPECT_EQ(config.guard.accident_nodes, 7u);
  EXPECT_EQ(config.guard.last_ready_settle, std::chrono::milliseconds(8));
  EXPECT_EQ(config.guard.absences, 9u);
  EXPECT_EQ(config.guard.absence_spacing, std::chrono::seconds(10));
  EXPECT_EQ(config.guard.hold_endpoints_percent, 11u);
  EXPECT_EQ(config.guard.hold_endpoints_least, 12u);
  EXPECT_EQ(config.guard.hold_services_percent, 13u);
  EXPECT_EQ(config.guard.hold_services_least, 14u);
  EXPECT_EQ(config.guard.hold_window, std::chrono::seconds(15));
  EXPECT_EQ(config.guard.refused_for, std::chrono::seconds(21));
  EXPECT_FALSE(config.probe.enabled);
  EXPECT_EQ(config.probe.per_second, 16u);
  EXPECT_EQ(config.probe.in_flight, 17u);
  EXPECT_EQ(config.probe.timeout, std::chrono::milliseconds(18));
  EXPECT_EQ(config.probe.interval, std::chrono::seconds(19));
  EXPECT_EQ(config.probe.longest_interval, std::chrono::seconds(20));
  ASSERT_EQ(config.sources.size(), 3u);
  EXPECT_EQ(config.sources[0].name, "first");
  EXPECT_FALSE(config.sources[0].fallback);
  EXPECT_EQ(config.sources[1].name, "disaster") << "in the order of precedence";
  EXPECT_TRUE(config.sources[1].fallback);
  const auto& cluster = std::get<KubernetesSourceConfig>(config.sources[2].kind);
  EXPECT_EQ(cluster.kubeconfig, "/k");
  EXPECT_EQ(cluster.servers, (std::vector<std::string>{"https://a:1", "https://b:2"}));
  EXPECT_EQ(cluster.silence, std::chrono::seconds(22));
  EXPECT_EQ(cluster.compare_interval, std::chrono::seconds(23));
}

// Flow style, which is YAML as well as nearly JSON. What is not set is left out.
std::string written(const Value& value) {
  std::string text;
  for (const Value& item : value.items) text += (text.empty() ? "" : ", ") + written(item);
  for (const auto& [key, member] : value.members) {
    if (!member.is_null()) text += (text.empty() ? "" : ", ") + key.text + ": " + written(member);
  }
  switch (value.type) {
    case Value::Type::sequence:
      return "[" + text + "]";
    case Value::Type::mapping:
      return "{" + text + "}";
    case Value::Type::string:
      return "'" + value.text + "'";
    default:
      return value.text;
  }
}

TEST(EveryKey, IsSaidAsItWouldBeRead) {
  for (const char* text : {kEveryKey, "", "admin: {listen: none}\n"}) {
    const std::string said = "# YAML\n" + written(describe(good(text)));
    EXPECT_EQ("# YAML\n" + written(describe(good(said))), said);
  }
  const Value said = describe(good(kEveryKey));
  const auto* guard = said.find("guard");
  ASSERT_TRUE(guard && guard->find("probe"));
  EXPECT_EQ(guard->find("probe")->find("timeout_ms")->integer, 18);
  EXPECT_EQ(said.find("dataplane")->find("capacity")->find("endpoints")->text, "auto");
  EXPECT_EQ(said.find("sources")->items[1].find("role")->text, "fallback");
  EXPECT_TRUE(said.find("sources")->items[0].find("role")->is_null());
  EXPECT_FALSE(said.find("sources")->items[2].find("kubernetes")->find("in_cluster")->boolean);
}

TEST(EveryKey, JsonIsReadToo) {
  EXPECT_EQ(good(R"({"node": {"name": "n1"}, "admin": {"listen": "none"}})").admin_listen, "");
}

TEST(Overrides, FlagWinsOverEnvironmentOverFile) {
  Config config = good("node: {name: file}\nstate_dir: /file\n");
  const Overrides environment =
      overrides_from_environment({{"HOLDFAST_CGROUP", "/env/cgroup"},
                                  {"HOLDFAST_BPFFS", "/env/bpffs"},
                                  {"HOLDFAST_STATE_DIR", "/env/state"},
                                  {"HOLDFAST_ADMIN_SOCKET", "/env/admin.sock"},
                                  {"HOLDFAST_NODE_NAME", ""},
                                  {"OTHER", "x"}});
  apply(environment, config);
  Overrides flags;
  flags.state_dir = "/flag/state";
  apply(flags, config);
  EXPECT_EQ(config.cgroup, "/env/cgroup");
  EXPECT_EQ(config.bpffs, "/env/bpffs");
  EXPECT_EQ(config.admin_socket, "/env/admin.sock");
  EXPECT_EQ(config.state_dir, "/flag/state");
  EXPECT_EQ(config.node_name, "file") << "an empty variable is one that is not set";
}

class Load : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "holdfast_config_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& text) const {
    std::ofstream(directory_ / "config.yaml") << text;
    return (directory_ / "config.yaml").string();
  }
  std::filesystem::path directory_;
};

TEST_F(Load, AMissingFileIsTheDefaultUnlessItWasNamed) {
  const std::string path = (directory_ / "none.yaml").string();
  const auto by_default = load_config(path, false);
  ASSERT_TRUE(by_default);
  EXPECT_EQ(by_default->state_dir, "/var/lib/holdfast");
  const auto named = load_config(path, true);
  ASSERT_FALSE(named);
  EXPECT_THAT(named.error().what, HasSubstr(path));
  EXPECT_EQ(named.error().code, Errc::not_found);
}

TEST_F(Load, AnUnreadableFileIsNeverTheDefault) {
  for (const bool named : {false, true}) {
    const auto loaded = load_config(directory_.string(), named);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().what, HasSubstr(directory_.string()));
  }
}

TEST_F(Load, TellsEveryProblemWithItsPlace) {
  const std::string path = write("state_dir: 7\nnode: {nam: n1}\n");
  const auto loaded = load_config(path, false);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::invalid);
  EXPECT_THAT(loaded.error().what, HasSubstr(path + ":1:12: "));
  EXPECT_THAT(loaded.error().what, HasSubstr("\n" + path + ":2:8: "));
}

TEST_F(Load, RefusesMoreThanAMebibyte) {
  const auto loaded = load_config(write("# " + std::string(1 << 20, 'x') + "\n"), true);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::exhausted);
}

}  // namespace
}  // namespace holdfast
