// SPDX-License-Identifier: Apache-2.0
// Any text as a catalog file: parsed, decoded, assembled. What comes of it is well formed, and each
// problem says where it is. Read piece by piece it says the same.
#include "agent/sources/file/file_text.h"
#include "agent/sources/kubernetes/objects.h"
#include "tests/fuzz/well_formed.h"

namespace {

using namespace holdfast;

constexpr const char* kFile = "catalog.yaml";

void expect_placed(const std::vector<Problem>& problems) {
  for (const Problem& one : problems) {
    fuzz::expect(one.file == kFile && one.line >= 1 && one.column >= 1, "a problem has a place");
    fuzz::expect(!one.message.empty(), "a problem says what it is");
  }
}

void expect_same_by_pieces(std::string_view text, const ParseOutcome& whole,
                           const kubernetes::Objects& objects) {
  const Reading reading = read_text(text, kFile, {});
  fuzz::expect(reading.problem == whole.problem, "the same problem, by pieces");
  std::size_t items = 0, services = 0, slices = 0, nodes = 0;
  for (const Reading::Part& part : reading.parts) {
    const kubernetes::Objects& one = part.entry.objects;
    items += one.items;
    services += one.services.size();
    slices += one.slices.size();
    nodes += one.nodes.size();
    expect_placed(part.entry.problems);
  }
  fuzz::expect(items == objects.items && services == objects.services.size() &&
                   slices == objects.slices.size() && nodes == objects.nodes.size(),
               "the same objects, by pieces");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParseOutcome parsed = parse_documents(text, kFile);
  if (parsed.problem) expect_placed({*parsed.problem});
  kubernetes::Objects objects;
  std::vector<Problem> problems;
  for (const Value& document : parsed.documents)
    kubernetes::decode(document, kFile, objects, problems);
  expect_same_by_pieces(text, parsed, objects);
  const auto services = kubernetes::assemble({&objects}, problems).services;
  expect_placed(problems);
  for (const ServicePtr& one : services) fuzz::expect_well_formed(*one);
  return 0;
}
