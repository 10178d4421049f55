// SPDX-License-Identifier: Apache-2.0
// Every command of the table: help, exit codes, usage errors, errors in the format asked for.
#include "agent/cli/commands/table.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/cli/fixture.h"

namespace holdfast::cli::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

TEST(Table, EveryCommandExplainsItself) {
  for (const Command& command : commands()) {
    Host host;
    auto arguments = words(command.words);
    arguments.push_back("--help");
    const Outcome outcome = host.run(arguments);
    EXPECT_EQ(outcome.code, kOk) << command.words;
    EXPECT_THAT(outcome.out, HasSubstr(command.help)) << command.words;
    EXPECT_THAT(outcome.err, IsEmpty()) << command.words;
    const Usage usage = declare(command).usage;
    for (const Flag& flag : usage.flags) EXPECT_THAT(outcome.out, HasSubstr(flag.name));
    for (const Argument& one : usage.positional) EXPECT_THAT(outcome.out, HasSubstr(one.name));
    for (const std::string& one : usage.examples) EXPECT_THAT(outcome.out, HasSubstr("\n  " + one));
  }
}

// An example that is not understood would be told so before anything is asked.
TEST(Table, EveryExampleIsUnderstood) {
  for (const Command& command : commands()) {
    for (const std::string& example : declare(command).usage.examples) {
      EXPECT_THAT(example, testing::StartsWith("holdfast " + command.words)) << example;
      auto arguments = words(example.substr(std::string("holdfast ").size()));
      Host host;
      arguments.insert(arguments.end(), {"--state-dir", host.directory.path()});
      const Outcome outcome = host.run(arguments);
      EXPECT_NE(outcome.code, kUsage) << example << ": " << outcome.err;
    }
  }
}

// Those of every other command, each with a value where it takes one.
TEST(Table, AFlagOfAnotherCommandIsRefusedWithWhoseItIs) {
  for (const Command& owner : commands()) {
    for (const Flag& flag : declare(owner).usage.flags) {
      for (const Command& other : commands()) {
        const Usage usage = declare(other).usage;
        if (std::any_of(usage.flags.begin(), usage.flags.end(),
                        [&](const Flag& one) { return one.name == flag.name; }))
          continue;
        Host host;
        auto arguments = words(other.words);
        if (!usage.positional.empty()) arguments.push_back("10.0.0.1:80");
        arguments.push_back(flag.name);
        if (flag.takes_value()) arguments.push_back("tcp");
        const Outcome outcome = host.run(arguments);
        EXPECT_EQ(outcome.code, kUsage) << testing::PrintToString(arguments);
        EXPECT_THAT(outcome.out, IsEmpty());
        EXPECT_THAT(outcome.err, HasSubstr(flag.name + " is no option of 'holdfast " + other.words +
                                           "'; it is of "));
        EXPECT_THAT(outcome.err, HasSubstr("'holdfast " + owner.words + "'"));
        EXPECT_THAT(host.requests, IsEmpty());
      }
    }
  }
}

TEST(Usage, AFlagOfAnotherCommandInAnySpelling) {
  EXPECT_THAT(Host().run({"status", "-f", "x"}).err,
              HasSubstr("-f is no option of 'holdfast status'; it is of 'holdfast bugreport'\n"));
  EXPECT_THAT(Host().run({"--timeout=3", "svc", "ls", "--generation=4"}).err,
              HasSubstr("--generation is no option of 'holdfast service list'"));
  EXPECT_THAT(Host().run({"diff", "--all"}).err,
              HasSubstr("it is of 'holdfast accept' and 'holdfast reject'\n"));
  EXPECT_THAT(Host().run({"bugreport", "--timeout", "0"}).err, HasSubstr("--timeout: "));
}

TEST(Table, EveryCommandRefusesAnUnknownFlag) {
  for (const Command& command : commands()) {
    Host host;
    auto arguments = words(command.words);
    if (!declare(command).usage.positional.empty()) arguments.push_back("10.0.0.1:80");
    arguments.push_back("--no-such-flag");
    const Outcome outcome = host.run(arguments);
    EXPECT_EQ(outcome.code, kUsage) << command.words;
    EXPECT_THAT(outcome.out, IsEmpty()) << command.words;
    EXPECT_THAT(outcome.err, HasSubstr("--no-such-flag")) << command.words;
  }
}

TEST(Table, ArgumentsAreCounted) {
  for (const Command& command : commands()) {
    Host host;
    auto arguments = words(command.words);
    const auto positional = declare(command).usage.positional;
    if (!positional.empty() && positional[0].required) {
      EXPECT_EQ(host.run(arguments).code, kUsage) << command.words;
    }
    if (!positional.empty() && positional[0].many()) continue;
    arguments.insert(arguments.end(), {"one", "two"});
    EXPECT_EQ(host.run(arguments).code, kUsage) << command.words;
  }
}

TEST(Usage, HelpIsNoError) {
  for (const char* flag : {"-h", "--help"}) {
    const Outcome outcome = Host().run({flag});
    EXPECT_EQ(outcome.code, kOk);
    for (const Command& command : commands())
      EXPECT_THAT(outcome.out, HasSubstr("\n  " + words(command.words)[0])) << command.words;
  }
}

TEST(Usage, NothingAskedIsAnError) {
  const Outcome outcome = Host().run({});
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_EQ(Host().run({"service"}).code, kUsage);
}

TEST(Usage, AnUnknownCommandMeetsTheNearest) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"stauts"}, "'holdfast status'"},
      {{"service", "lsit"}, "'holdfast service list'"},
      {{"-o", "json", "--timeout=3", "endpiont", "list"}, "'holdfast endpoint'"},
      {{"svc", "shwo", "a/b"}, "'holdfast service show'"},
      {{"--no-headers", "check", "katalog", "x"}, "'holdfast check catalog'"},
  };
  for (const auto& [arguments, nearest] : cases) {
    const Outcome outcome = Host().run(arguments);
    EXPECT_EQ(outcome.code, kUsage);
    EXPECT_THAT(outcome.err, HasSubstr(std::string("did you mean ") + nearest));
  }
  const Outcome far = Host().run({"frobnicate"});
  EXPECT_EQ(far.code, kUsage);
  EXPECT_THAT(far.err, HasSubstr("no command 'frobnicate'"));
  EXPECT_THAT(far.err, Not(HasSubstr("did you mean")));
}

TEST(Usage, BadValues) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"service", "list", "-o", "xml"},
        {"status", "--timeout", "0"},
        {"status", "--timeout", "x"},
        {"explain", "10.0.0.1:80", "--protocol", "icmp"},
        {"snapshot", "export", "x", "--generation", "0"},
        {"explain", "10.0.0.1"},
        {"explain", "10.0.0.1:0"},
        {"explain", "10.0.0.1:80x"},
        {"explain", "10.0.0.1:70000"},
        {"explain", "song:80"},
        {"accept"},
        {"reject", "7", "--all"}}) {
    Host host;
    EXPECT_EQ(host.run(arguments).code, kUsage) << testing::PrintToString(arguments);
    EXPECT_THAT(host.requests, IsEmpty());
  }
}

TEST(Usage, Aliases) {
  Host host;
  EXPECT_EQ(host.run({"svc", "ls"}).out, host.run({"service", "list"}).out);
  EXPECT_EQ(host.run({"ep", "ls"}).out, host.run({"endpoint", "list"}).out);
  EXPECT_THAT(host.run({"svc", "ls"}).out, HasSubstr("song"));
}

TEST(Usage, GlobalFlagsStandAnywhere) {
  Host host;
  const Outcome before = host.run({"-o", "json", "service", "list"});
  EXPECT_EQ(before.out, host.run({"service", "-o", "json", "list"}).out);
  EXPECT_EQ(before.out, host.run({"service", "list", "-o", "json"}).out);
  EXPECT_EQ(before.out, host.run({"service", "list", "--output=json"}).out);
  EXPECT_EQ(before.code, kOk);
}

TEST(Settings, FlagBeatsEnvironmentBeatsFile) {
  Host host;
  host.hermetic = false;
  const std::string file =
      host.directory.write("config.yaml", "dataplane: {bpffs: /sys/fs/bpf/file}\n");
  host.run({"--config", file, "map", "list"});
  EXPECT_EQ(host.bpffs_seen, "/sys/fs/bpf/file");
  host.variables["HOLDFAST_BPFFS"] = "/sys/fs/bpf/environment";
  host.run({"--config", file, "map", "list"});
  EXPECT_EQ(host.bpffs_seen, "/sys/fs/bpf/environment");
  host.run({"--config", file, "map", "list", "--bpffs", "/sys/fs/bpf/flag"});
  EXPECT_EQ(host.bpffs_seen, "/sys/fs/bpf/flag");
}

TEST(Settings, ABadConfigurationStopsWhatNeedsIt) {
  Host host;
  host.hermetic = false;
  const std::string file = host.directory.write("config.yaml", "nonsense: 1\n");
  const Outcome listed = host.run({"--config", file, "map", "list"});
  EXPECT_EQ(listed.code, kFailed);
  EXPECT_THAT(listed.err, HasSubstr("nonsense"));
  EXPECT_EQ(host.run({"--config", file, "diff"}).code, 2) << "1 would say that the maps differ";
  EXPECT_EQ(host.run({"--config", file, "version"}).code, kOk);
  EXPECT_EQ(host.run({"--config", host.directory.file("none"), "map", "list"}).code, kFailed);
}

TEST(Errors, NothingPinned) {
  for (const char* text : {"service list", "service show a/b", "frontend list", "endpoint list",
                           "pool list", "map list", "map dump pools", "explain 10.0.0.1:80"}) {
    Host host;
    host.maps.reset();
    const Outcome plain = host.run(words(text));
    EXPECT_EQ(plain.code, kFailed) << text;
    EXPECT_THAT(plain.out, IsEmpty()) << text;
    EXPECT_THAT(plain.err, HasSubstr("no maps are pinned")) << text;
    const Outcome json = host.run(words(std::string(text) + " -o json"));
    EXPECT_EQ(json.code, kFailed) << text;
    EXPECT_EQ(json.out.find("{\n  \"error\": \"no maps are pinned"), 0u) << json.out;
  }
}

TEST(Errors, UnknownNames) {
  Host host;
  EXPECT_EQ(host.run({"service", "show", "default/none"}).code, kFailed);
  const Outcome dump = host.run({"map", "dump", "none"});
  EXPECT_EQ(dump.code, kFailed);
  EXPECT_THAT(dump.err, HasSubstr("frontends"));
}

TEST(Uninstall, RefusesBesideADaemonUnlessForced) {
  Host host;
  const Outcome refused = host.run({"uninstall"});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_THAT(refused.err, HasSubstr("holdfastd runs"));
  const Outcome forced = host.run({"uninstall", "--force", "--bpffs", "/b"});
  EXPECT_EQ(forced.code, kOk);
  EXPECT_EQ(forced.out, "removed /b/links/hf_connect4\n");
  host.daemon = false;
  EXPECT_EQ(host.run({"uninstall", "-o", "json", "--bpffs", "/b"}).out,
            "[\n  \"/b/links/hf_connect4\"\n]\n");
}

TEST(Version, NeedsNothing) {
  Host host;
  host.maps.reset();
  host.daemon = false;
  const Outcome outcome = host.run({"version", "-o", "json"});
  EXPECT_EQ(outcome.code, kOk);
  EXPECT_THAT(outcome.out, HasSubstr("\"version\": \"" HOLDFAST_VERSION "\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"abi\": " + std::to_string(HF_ABI_VERSION)));
}

}  // namespace
}  // namespace holdfast::cli::test
