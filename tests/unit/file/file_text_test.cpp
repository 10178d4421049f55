// SPDX-License-Identifier: Apache-2.0
// A text read piece by piece says what the whole text says, with the same places; and what is taken
// over from the reading before is what reading it anew would have given.
#include "agent/sources/file/file_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/unit/file/catalogs.h"

namespace holdfast {
namespace {

using kubernetes::Objects;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// What a text says, in words that can be compared: services as they are assembled, objects with
// their places, problems.
struct Words {
  std::vector<Service> services;
  std::vector<std::string> lines;
  std::size_t items = 0;

  bool operator==(const Words&) const = default;
};

void show(const std::string& what, const kubernetes::Place& place, Words& words) {
  words.lines.push_back(what + " " + std::to_string(place.line) + ":" +
                        std::to_string(place.column));
}

Words words_of(const Objects& objects, std::vector<Problem> problems) {
  Words words;
  words.items = objects.items;
  for (const auto& one : objects.nodes) show("node " + one.name, one.place, words);
  for (const auto& one : objects.services) show(one.key.to_string(), one.place, words);
  for (const auto& one : objects.slices) {
    show("slice " + one.name, one.place, words);
    for (const auto& endpoint : one.endpoints) show("endpoint", endpoint.place(), words);
  }
  if (objects.nameless) words.lines.push_back("nameless " + objects.nameless->to_string());
  for (const ServicePtr& one : kubernetes::assemble({&objects}, problems).services)
    words.services.push_back(*one);
  for (const Problem& one : problems) words.lines.push_back(one.to_string());
  std::sort(words.lines.begin(), words.lines.end());
  return words;
}

Words whole(const std::string& text) {
  const ParseOutcome parsed = parse_documents(text, "f");
  Words words;
  if (parsed.problem) {
    words.lines.push_back("cannot be read: " + parsed.problem->to_string());
    return words;
  }
  Objects objects;
  std::vector<Problem> problems;
  for (const Value& document : parsed.documents)
    kubernetes::decode(document, "f", objects, problems);
  return words_of(objects, problems);
}

std::vector<Entry> entries(Reading reading, std::vector<Entry> before = {}) {
  std::vector<Entry> result;
  for (Reading::Part& part : reading.parts) {
    if (part.from) {
      result.push_back(std::move(before[*part.from]));
      result.back().move_to(part.entry.line, part.entry.column);
    } else {
      result.push_back(std::move(part.entry));
    }
  }
  return result;
}

Words words_of(const std::vector<Entry>& list) {
  Objects objects;
  std::vector<Problem> problems;
  const auto add = [](const auto& from, auto& to) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (const Entry& entry : list) {
    objects.items += entry.objects.items;
    add(entry.objects.services, objects.services);
    add(entry.objects.slices, objects.slices);
    add(entry.objects.nodes, objects.nodes);
    if (!objects.nameless) objects.nameless = entry.objects.nameless;
    add(entry.problems, problems);
  }
  return words_of(objects, problems);
}

Words by_pieces(const std::string& text) {
  Reading reading = read_text(text, "f", {});
  Words words;
  if (reading.problem) {
    words.lines.push_back("cannot be read: " + reading.problem->to_string());
    return words;
  }
  return words_of(entries(std::move(reading)));
}

std::string service(const std::string& name, const std::string& indent) {
  return indent + "- apiVersion: v1\n" + indent + "  kind: Service\n" + indent + "  metadata:\n" +
         indent + "    annotations: {holdfast.io/weight: '5000'}\n" + indent + "    name: " + name +
         "\n" + indent + "  spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}\n";
}
std::string slice(const std::string& of, const std::string& indent) {
  return indent + "- addressType: IPv4\n" + indent + "  apiVersion: discovery.k8s.io/v1\n" +
         indent + "  endpoints:\n" + indent + "  - addresses:\n" + indent + "    - 10.1.0.1\n" +
         indent + "  - addresses: [127.0.0.1]\n" + indent + "  kind: EndpointSlice\n" + indent +
         "  metadata: {name: " + of + "-1, labels: {kubernetes.io/service-name: " + of + "}}\n" +
         indent + "  ports: [{port: 8080}]\n";
}
std::string list(const std::string& indent) {
  return "apiVersion: v1\nitems:\n" + service("song", indent) + "# words\n\n" +
         slice("song", indent) + service("image", indent) + "kind: List\nmetadata: {}\n";
}

const std::string kJson =
    R"({"apiVersion": "v1", "kind": "List", "items": [
 {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "song"},
  "spec": {"clusterIP": "10.96.0.10", "ports": [{"port": 80}, {"port": "x"}]}}, {"apiVersion": "v1",
 "kind": "Service", "metadata": {"name": "im}age"}, "spec": {}}]}
{"kind": "ServiceList", "apiVersion": "v1", "items": [{"metadata": {"name": "artist"},
 "spec": {"clusterIP": "10.96.0.12", "ports": [{"port": 80}]}}]})";

const std::vector<std::string> kTexts = {
    list(""), list("  "), list("") + "---\n" + list("  "), kJson, test::kSong + test::kImage,
    "kind: ServiceList\napiVersion: v1\nitems:\n- metadata: {name: song}\n  spec: {clusterIP: "
    "10.96.0.10, ports: [{port: 80}]}\n- no\n-\n",
    "kind: Other\nitems:\n- apiVersion: v1\n  kind: Service\n",
    // What reaches over a border.
    "items:\n- &x {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {}}\n- *x\nkind: "
    "List\n",
    "a: \"b\nitems:\n- c\"\n", "items:\n- \"b\n- c\"\nkind: List\n",
    "a: |\n  x\n\nitems:\n- |\n  y\n\nkind: List\n", "", "# nothing\n", "kind: List\nitems: []\n"};

TEST(Pieces, SayWhatTheWholeSays) {
  for (const std::string& text : kTexts) EXPECT_TRUE(by_pieces(text) == whole(text)) << text;
  EXPECT_EQ(whole(list("")).services.size(), 2u) << "and that is something";
  EXPECT_EQ(whole(kJson).services.size(), 2u);
}

RC_GTEST_PROP(Pieces, SayWhatTheWholeSaysOfWhateverIsCutAndRepeated, ()) {
  std::string text = *rc::gen::elementOf(kTexts);
  const int edits = *rc::gen::inRange(1, 4);
  for (int edit = 0; edit < edits; ++edit) {
    const auto from = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    const auto size =
        *rc::gen::inRange<std::size_t>(0, std::min<std::size_t>(text.size() - from, 60) + 1);
    const auto into = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    const std::string part =
        *rc::gen::arbitrary<bool>()
            ? text.substr(from, size)
            : *rc::gen::element<std::string>("\n- ", "---\n", "\"", "}", "items:\n", "\t", "\n",
                                             "  ", "...\n", ", {", "&x ", "*x", "#");
    if (*rc::gen::arbitrary<bool>()) text.erase(from, size);
    text.insert(std::min(into, text.size()), part);
  }
  RC_ASSERT(by_pieces(text) == whole(text));
}

TEST(Reread, TakesOverWhatDidNotChangeWhereverItStands) {
  const std::string before = "apiVersion: v1\nitems:\n" + service("song", "") + slice("song", "") +
                             service("image", "") + "kind: List\n";
  const std::string after = "# one line more\napiVersion: v1\nitems:\n" + service("artist", "") +
                            service("song", "") + slice("song", "") + "kind: List\n";
  std::vector<Entry> first = entries(read_text(before, "f", {}));
  ASSERT_THAT(first, SizeIs(3));
  Reading second = read_text(after, "f", first);
  std::vector<std::optional<std::size_t>> from;
  for (const auto& part : second.parts) from.push_back(part.from);
  EXPECT_THAT(from, ElementsAre(std::nullopt, 0u, 1u));
  EXPECT_TRUE(words_of(entries(std::move(second), std::move(first))) == whole(after));
}

TEST(Reread, OfJsonOnOneLine) {
  const std::string one =
      R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": 1}})";
  std::vector<Entry> first = entries(read_text(one + one, "f", {}));
  const std::string after = " " + one + "{\"kind\": 1}" + one + "\n" + one;
  Reading second = read_text(after, "f", first);
  EXPECT_EQ(std::count_if(second.parts.begin(), second.parts.end(),
                          [](const auto& part) { return part.from.has_value(); }),
            2);
  EXPECT_TRUE(words_of(entries(std::move(second), std::move(first))) == whole(after));
}

TEST(Reread, WhatItsKindIsImpliedForIsAnother) {
  const std::string item =
      "- metadata: {name: n}\n  spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}\n";
  const std::vector<Entry> first =
      entries(read_text("kind: ServiceList\nitems:\n" + item, "f", {}));
  ASSERT_THAT(first.at(0).objects.services, SizeIs(1));
  const Reading second = read_text("kind: NodeList\nitems:\n" + item, "f", first);
  EXPECT_FALSE(second.parts.at(0).from);
}

TEST(Reading, CanBeStopped) {
  std::stop_source stop;
  stop.request_stop();
  const Reading reading = read_text(list(""), "f", {}, stop.get_token());
  EXPECT_TRUE(reading.stopped);
  EXPECT_THAT(reading.parts, IsEmpty());
}

}  // namespace
}  // namespace holdfast
