// SPDX-License-Identifier: Apache-2.0
// The writers: one value, five formats.
#include "agent/cli/output.h"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <memory>

#include "agent/sources/value.h"
#include "tests/unit/cli/fixture.h"

namespace holdfast::cli::test {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

const json::array kRows = {
    json::object{{"name", "müller"}, {"port", 80}, {"zone", "z1"}},
    json::object{{"name", "a"}, {"port", 8080}, {"zone", ""}},
};
const std::vector<Column> kColumns = {{"NAME", "name"}, {"PORT", "port"}, {"ZONE", "zone", true}};

std::string print(Format format, bool headers = true) {
  std::ostringstream out;
  print_rows(out, {format, headers}, kRows, kColumns, {"name", "port"});
  return out.str();
}

TEST(Output, TablesAlignByCharactersNotBytes) {
  EXPECT_EQ(print(Format::table),
            "NAME    PORT\n"
            "müller  80\n"
            "a       8080\n");
  EXPECT_EQ(print(Format::wide),
            "NAME    PORT  ZONE\n"
            "müller  80    z1\n"
            "a       8080  -\n");
  EXPECT_EQ(print(Format::table, false),
            "müller  80\n"
            "a       8080\n");
}

TEST(Output, Names) {
  EXPECT_EQ(print(Format::name), "müller/80\na/8080\n");
}

TEST(Output, JsonKeepsTheOrderOfKeys) {
  std::ostringstream out;
  print_json(out, json::object{{"b", 1}, {"a", json::array{}}, {"c", json::array{json::object{}}}});
  EXPECT_EQ(out.str(), "{\n  \"b\": 1,\n  \"a\": [],\n  \"c\": [\n    {}\n  ]\n}\n");
}

TEST(Output, YamlIsBlockStyle) {
  std::ostringstream out;
  const json::array list = {json::object{{"x", 1}, {"z", "s"}}};
  print_yaml(out, json::object{{"a", list}, {"b", nullptr}, {"c", json::array{}}});
  EXPECT_EQ(out.str(), "a:\n  - x: 1\n    z: \"s\"\nb: null\nc: []\n");
}

bool same(const json::value& expected, const Value& actual) {
  switch (expected.kind()) {
    case json::kind::null:
      return actual.is_null();
    case json::kind::bool_:
      return actual.type == Value::Type::boolean && actual.boolean == expected.get_bool();
    case json::kind::string:
      return actual.type == Value::Type::string && actual.text == expected.get_string();
    case json::kind::array: {
      const auto& items = expected.get_array();
      if (actual.type != Value::Type::sequence || actual.items.size() != items.size()) return false;
      for (std::size_t index = 0; index < items.size(); ++index)
        if (!same(items[index], actual.items[index])) return false;
      return true;
    }
    case json::kind::object: {
      if (actual.type != Value::Type::mapping ||
          actual.members.size() != expected.get_object().size())
        return false;
      for (const auto& member : expected.get_object()) {
        const Value* found =
            actual.find(std::string_view(member.key().data(), member.key().size()));
        if (!found || !same(member.value(), *found)) return false;
      }
      return true;
    }
    default:
      return actual.type == Value::Type::integer &&
             std::to_string(actual.integer) == json::serialize(expected);
  }
}

// The YAML of every command, read by our own strict parser, is its JSON.
TEST(Output, YamlSaysWhatJsonSays) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{"service", "list"},
                                                  {"service", "show", "shop/cart"},
                                                  {"endpoint", "list"},
                                                  {"frontend", "list"},
                                                  {"pool", "list"},
                                                  {"map", "list"},
                                                  {"map", "dump", "frontends"},
                                                  {"explain", "10.96.0.10:80"},
                                                  {"explain", "192.0.2.1:1"},
                                                  {"version"}}) {
    Host host;
    auto arguments = command;
    arguments.insert(arguments.end(), {"-o", "json"});
    const std::string as_json = host.run(arguments).out;
    arguments.back() = "yaml";
    const std::string as_yaml = host.run(arguments).out;
    const ParseOutcome parsed = parse_documents(as_yaml, "yaml");
    ASSERT_FALSE(parsed.problem) << parsed.problem->to_string() << "\n" << as_yaml;
    ASSERT_EQ(parsed.documents.size(), 1u) << as_yaml;
    EXPECT_TRUE(same(json::parse(as_json), parsed.documents[0])) << as_yaml;
  }
}

TEST(Explain, ListsWhatMayBePickedAndNothingElse) {
  Host host;
  Endpoint held = endpoint("10.1.0.9", 80, "n1");
  held.held = true;
  held.ready = held.serving = false;
  const auto one = service("default", "one", 80, {frontend("10.96.0.1", 80)},
                           {endpoint("10.1.0.8", 80, "n1"), held});
  MemoryDataplane maps(capacity_for(8, 8));
  auto planner = Planner::adopt(Image{}, maps.capacity());
  ASSERT_TRUE(maps.apply(*planner->plan({1, {{one->key, one, "file"}}})));
  host.maps->image = *maps.observe();
  const Outcome outcome = host.run({"explain", "10.96.0.1:80", "-o", "json"});
  const auto answer = json::parse(outcome.out);
  ASSERT_EQ(answer.at("candidates").as_array().size(), 1u) << outcome.out;
  EXPECT_EQ(answer.at("candidates").at(0).at("address"), "10.1.0.8");
}

TEST(Explain, SaysThatTheProgramIsNotAttached) {
  Host host;
  host.maps->programs = {{"hf_connect4", false, true}, {"hf_connect6", true, true}};
  const Outcome outcome = host.run({"explain", "10.96.0.10:80", "-o", "json"});
  const auto answer = json::parse(outcome.out);
  EXPECT_EQ(answer.at("decision"), "pass");
  EXPECT_EQ(answer.at("service"), "default/song");
  EXPECT_TRUE(answer.at("candidates").as_array().empty());
  EXPECT_THAT(outcome.out, HasSubstr("hf_connect4 is not attached"));
  EXPECT_THAT(host.run({"explain", "[fd00:10::1]:443"}).out, HasSubstr("endpoint"));
}

// What bash itself makes of the script.
std::string complete(const std::string& script, const std::string& line_words, int cursor) {
  const std::string command = "bash -c 'source " + script + "; COMP_WORDS=(" + line_words +
                              "); COMP_CWORD=" + std::to_string(cursor) +
                              "; _holdfast; echo \"${COMPREPLY[*]}\"'";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  char buffer[512];
  while (pipe && std::fgets(buffer, sizeof buffer, pipe.get())) text += buffer;
  return text;
}

TEST(Completion, Bash) {
  Host host;
  const std::string script =
      host.directory.write("completion", host.run({"completion", "bash"}).out);
  EXPECT_EQ(complete(script, "holdfast st", 1), "status\n");
  EXPECT_EQ(complete(script, "holdfast -o json svc s", 4), "show\n");
  EXPECT_EQ(complete(script, "holdfast check c", 2), "catalog config\n");
  EXPECT_EQ(complete(script, "holdfast bugr", 1), "bugreport\n");
  EXPECT_EQ(complete(script, "holdfast completion f", 2), "fish\n");
  EXPECT_EQ(complete(script, "holdfast -o y", 2), "yaml\n");
  EXPECT_EQ(complete(script, "holdfast --no-headers map d", 3), "dump\n");
  EXPECT_EQ(complete(script, "holdfast status --admin", 2), "--admin-socket\n");
  EXPECT_EQ(complete(script, "holdfast status \"\"", 2), "\n");
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  char buffer[512];
  while (pipe && std::fgets(buffer, sizeof buffer, pipe.get())) text += buffer;
  return text;
}

bool installed(const std::string& shell) {
  return std::system(("command -v " + shell + " >/dev/null").c_str()) == 0;
}

TEST(Completion, Fish) {
  if (!installed("fish")) GTEST_SKIP() << "fish is not installed";
  Host host;
  const std::string script =
      host.directory.write("completion", host.run({"completion", "fish"}).out);
  const auto candidates = [&](const std::string& line) {
    return output_of("HOME=" + host.directory.path() + " fish --no-config -c 'source " + script +
                     "; complete -C \"" + line + "\"' 2>&1");
  };
  EXPECT_EQ(candidates("holdfast sta"), "status\n");
  EXPECT_EQ(candidates("holdfast -o json svc s"), "show\n");
  EXPECT_EQ(candidates("holdfast --no-headers map d"), "dump\n");
  EXPECT_EQ(candidates("holdfast --timeout=3 check c"), "catalog\nconfig\n");
  EXPECT_EQ(candidates("holdfast status --admin"), "--admin-socket\n");
  EXPECT_EQ(candidates("holdfast -o y"), "yaml\n");
}

// As zsh's own stand-in calls the function: words from zero, and split as bash splits them.
TEST(Completion, Zsh) {
  if (!installed("zsh")) GTEST_SKIP() << "zsh is not installed";
  Host host;
  const std::string script =
      host.directory.write("completion", host.run({"completion", "zsh"}).out);
  const auto run = [&](const std::string& then) {
    return output_of("HOME=" + host.directory.path() +
                     " zsh -f -c 'autoload -Uz compinit && compinit -u -D; source " + script +
                     "; " + then + "' 2>&1");
  };
  EXPECT_THAT(run("print -- $_comps[holdfast]"), testing::HasSubstr("_holdfast"));
  const auto candidates = [&](const std::string& words, int cursor) {
    return run("setopt ksharrays shwordsplit; COMP_WORDS=(" + words +
               "); COMP_CWORD=" + std::to_string(cursor) + "; _holdfast; print -- ${COMPREPLY[*]}");
  };
  // The words of the level; zsh's compadd keeps those that begin as typed.
  EXPECT_THAT(candidates("holdfast st", 1), testing::HasSubstr(" status "));
  EXPECT_EQ(candidates("holdfast svc s", 2), "list ls show\n");
}

}  // namespace
}  // namespace holdfast::cli::test
