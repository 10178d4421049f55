// SPDX-License-Identifier: Apache-2.0
// `check`, `bugreport` and what it takes out.
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <fstream>
#include <memory>

#include "agent/cli/redact.h"
#include "tests/unit/cli/config_keys.h"
#include "tests/unit/cli/fixture.h"

namespace holdfast::cli::test {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

// As it stands, a host without bpffs: some lines FAIL.
TEST(Check, ExitsOneAndSaysWhatToDo) {
  Host host;
  const Outcome plain = host.run({"check"});
  EXPECT_EQ(plain.code, kFailed);
  EXPECT_THAT(plain.out, HasSubstr("FAIL bpffs: "));
  EXPECT_THAT(plain.out, HasSubstr("\n       mount -t bpf"));
  EXPECT_THAT(plain.err, HasSubstr("failed"));
  const Outcome json = host.run({"check", "-o", "json"});
  EXPECT_EQ(json.code, kFailed);
  const auto document = boost::json::parse(json.out).as_object();
  EXPECT_GT(document.at("failed").to_number<int>(), 0);
  for (const auto& row : document.at("findings").as_array())
    EXPECT_TRUE(row.at("level") == "OK" || row.at("remedy") != "") << row;
}

TEST(Check, AGoodHostExitsZero) {
  Host host;
  host::KernelFacts& kernel = host.host_facts.kernel;
  kernel.release = "6.1.0";
  kernel.major = 6;
  kernel.minor = 1;
  kernel.btf = kernel.links = kernel.set_retval = kernel.membarrier = host::Answer::yes;
  kernel.hooks = {{"a", "b", host::Answer::yes}};
  host.host_facts.cgroup.path = "/sys/fs/cgroup";
  host.host_facts.pins.parent_is_bpffs = true;
  host.host_facts.rights.capabilities = ~std::uint64_t{0};
  host.daemon = false;
  const Outcome outcome = host.run({"check"});
  EXPECT_EQ(outcome.code, kOk) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("WARN holdfastd: holdfastd does not answer"));
}

TEST(Check, ABadConfigurationIsAFinding) {
  Host host;
  host.hermetic = false;
  const std::string file = host.directory.write("config.yaml", "nonsense: 1\n");
  const Outcome outcome = host.run({"--config", file, "check"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_THAT(outcome.out, HasSubstr("FAIL configuration: "));
}

TEST(Check, ItsChildrenAreStillCommands) {
  Host host;
  EXPECT_EQ(host.run({"check", "config", host.directory.write("d.yaml", "{}")}).code, kOk);
}

struct Planted {
  const char* text;
  const char* secret;
};
const Planted kPlanted[] = {
    {"token: s3cr3tvalue", "s3cr3tvalue"},
    {"\"password\": \"p@ss, word!\"", "p@ss, word!"},
    {"Authorization: Bearer abc.def-ghi", "abc.def-ghi"},
    {"client-key-data: LS0tLS1CRUdJTg==", "LS0tLS1CRUdJTg=="},
    {"--token=hunter2", "hunter2"},
    {"server https://admin:hunter2@10.0.0.1:6443/api failed", "hunter2"},
    {"got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr.c2ln", "eyJhbGciOiJSUzI1NiJ9"},
    {"join abcdef.0123456789abcdef now", "0123456789abcdef"},
    {"AKd83Jfk39fkDKf93kfkDk39fkdJ", "AKd83Jfk39fkDKf93kfkDk39fkdJ"},
    {"a\n-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\nb", "MIIB"},
    {"-----BEGIN PRIVATE KEY-----\nMIIB", "MIIB"},
    {"{\\\"token\\\":\\\"hunter2\\\"}", "hunter2"},
};

TEST(Redact, TakesEverySecret) {
  for (const Planted& one : kPlanted) {
    const std::string left = redact(one.text);
    EXPECT_THAT(left, Not(HasSubstr(one.secret))) << one.text;
    EXPECT_THAT(left, HasSubstr("[redacted]")) << one.text;
  }
}

TEST(Redact, LeavesTheRest) {
  for (const char* text :
       {"shop/cart 10.96.0.10:80 -> fd00::1", "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "https://10.0.0.1:6443/api?watch=1", "the token expired at 12:00", "\"tokens\": 3",
        "2f1acc1b-0e1f-4d6a-8d2b-6f5a4d3c2b1a", "my-very-long-service-name-7d9f8b6c5-x2x4q",
        "{\"name\": \"a\", \"list\": [1, 2]}", "kubeconfig: /etc/holdfast/kubeconfig"})
    EXPECT_EQ(redact(text), text);
}

std::string unpack(const std::string& archive, const std::string& member = "") {
  const std::string command = "tar -xzOf " + archive + " " + member;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  for (int c; (c = std::fgetc(pipe.get())) != EOF;) text += static_cast<char>(c);
  return text;
}

// tar itself reads the archive. The secrets are planted wherever text comes from.
TEST(BugReport, HasEverythingButSecrets) {
  Host host;
  host.hermetic = false;
  const std::string config = host.directory.write(
      "config.yaml",
      "node: {name: n1}\nsources: [{name: k, kubernetes: {kubeconfig: /etc/holdfast/kubeconfig, "
      "servers: ['https://admin:planted1@10.0.0.1:6443']}}]\n# planted2\n");
  host.answers["GET /v1/status"] = {
      200, "", R"({"ready": true, "last_error": "401: Authorization: Bearer planted3"})"};
  host.log_lines = "holdfastd[7]: token=planted4 refused\n";
  host.host_facts.cgroup.problem = "password: planted5";
  const std::string file = host.directory.file("r.tar.gz");
  const Outcome outcome = host.run({"--config", config, "bugreport", "--file", file});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  const std::string text = unpack(file);
  EXPECT_THAT(text, Not(HasSubstr("planted")));
  for (const char* part : {"10.96.0.10", "song", "/etc/holdfast/kubeconfig", "last_error",
                           "refused", HOLDFAST_VERSION, "\"findings\"", "MemTotal"})
    EXPECT_THAT(text, HasSubstr(part));
}

bool has_key(const json::value& at, const std::string& path) {
  const auto dot = path.find('.');
  if (at.is_array()) {  // of `sources`: that of one kind has its keys
    return std::any_of(at.get_array().begin(), at.get_array().end(),
                       [&](const json::value& item) { return has_key(item, path); });
  }
  const auto* member = at.is_object() ? at.get_object().if_contains(path.substr(0, dot)) : nullptr;
  return member && (dot == path.npos || has_key(*member, path.substr(dot + 1)));
}

TEST(BugReport, HasEveryKeyOfTheConfiguration) {
  Host host;
  host.hermetic = false;
  const std::string config = host.directory.write(
      "config.yaml",
      "guard: {probe: {timeout_ms: 77}}\nsources: [{name: f, file: {path: /etc/f}}, {name: k, "
      "kubernetes: {servers: ['https://admin:planted8@10.0.0.1:6443']}}]\n");
  const std::string file = host.directory.file("r.tar.gz");
  ASSERT_EQ(host.run({"--config", config, "bugreport", "--file", file}).code, kOk);
  const std::string text = unpack(file, "--wildcards '*/config.json'");
  const json::value settings = json::parse(text).at("settings");
  const Names keys = keys_of_the_configuration();
  ASSERT_GT(keys.size(), 30u);
  for (const std::string& key : keys) EXPECT_TRUE(has_key(settings, key)) << key;
  EXPECT_EQ(settings.at("guard").at("probe").at("timeout_ms").as_int64(), 77);
  EXPECT_THAT(text, HasSubstr("https://[redacted]@10.0.0.1:6443"));
}

TEST(BugReport, WithoutDaemonMapsOrAConfigurationThatLoads) {
  Host host;
  host.hermetic = false;
  host.daemon = false;
  host.maps.reset();
  const std::string config =
      host.directory.write("config.yaml", "admin: {listen: planted6}\ntoken: planted7\n");
  const std::string file = host.directory.file("r.tar.gz");
  EXPECT_EQ(host.run({"--config", config, "bugreport", "-f", file}).code, kOk);
  const std::string text = unpack(file);
  EXPECT_THAT(text, Not(HasSubstr("planted")));
  EXPECT_THAT(text, HasSubstr("\"loads\": false"));
  EXPECT_THAT(text, HasSubstr("holdfastd does not answer"));
  EXPECT_THAT(text, HasSubstr("no maps are pinned"));
}

TEST(BugReport, ToStandardOutput) {
  const Outcome outcome = Host().run({"bugreport", "--file", "-"});
  EXPECT_EQ(outcome.code, kOk);
  EXPECT_EQ(outcome.out.substr(0, 2), "\x1f\x8b");
}

TEST(BugReport, AFileThatCannotBeWritten) {
  const Outcome outcome = Host().run({"bugreport", "--file", "/no/such/directory/r.tar.gz"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("/no/such/directory"));
}

}  // namespace
}  // namespace holdfast::cli::test
