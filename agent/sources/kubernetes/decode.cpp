// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>

#include "agent/sources/kubernetes/reader.h"

namespace holdfast::kubernetes {
namespace {

struct Kind {
  std::string_view name;
  std::string_view api_version;
};
constexpr std::array<Kind, 3> kKinds = {
    {{"Service", "v1"}, {"EndpointSlice", "discovery.k8s.io/v1"}, {"Node", "v1"}}};

// "List", "ServiceList" and the like: items that may leave out their kind.
std::optional<std::string> list_of(const std::string& kind) {
  if (kind == "List") return "";
  if (kind.size() > 4 && kind.ends_with("List")) return kind.substr(0, kind.size() - 4);
  return std::nullopt;
}

struct Decoder {
  const std::string& file;
  Objects& into;
  std::vector<Problem>& problems;

  void document(const Value& value, const std::string& implied_kind) {
    const Reader reader(file, "", problems);
    if (value.type != Value::Type::mapping) {
      reader.problem(value, "expected a Kubernetes object: a mapping with apiVersion and kind");
      return;
    }
    std::string kind = reader.text(value, "kind");
    if (kind.empty()) kind = implied_kind;
    if (kind.empty()) {
      reader.problem(value, "kind is missing");
      return;
    }
    if (const auto inner = list_of(kind)) {
      if (const Value* items = reader.member(value, "items", Value::Type::sequence)) {
        for (const Value& item : items->items) document(item, *inner);
      }
      return;
    }
    ++into.items;
    object(value, kind, !implied_kind.empty());
  }

  void object(const Value& value, const std::string& kind, bool in_typed_list) {
    const Kind* known = nullptr;
    for (const Kind& one : kKinds) {
      if (one.name == kind) known = &one;
    }
    if (!known) return;
    const Reader plain(file, kind, problems);
    const std::string version = plain.text(value, "apiVersion");
    if (version != known->api_version && !(in_typed_list && version.empty())) {
      plain.problem(value,
                    fmt::format("apiVersion must be {}, not '{}'", known->api_version, version));
      return;
    }
    const Value* metadata = plain.member(value, "metadata", Value::Type::mapping);
    if (!metadata) {
      const Value* other = value.find("metadata");
      if (!other || other->is_null()) plain.problem(value, "metadata is missing");
      return;
    }
    ServiceKey key{plain.text(*metadata, "namespace"), plain.text(*metadata, "name")};
    if (key.name_space.empty()) key.name_space = "default";
    const bool node = kind == "Node";
    if (!plain.name(*metadata, key.name, "metadata.name") ||
        !plain.name(*metadata, key.name_space, "metadata.namespace")) {
      return;
    }
    const Reader reader(file, kind + " " + (node ? key.name : key.to_string()), problems);
    if (node) {
      if (auto read = read_node(reader, value, key.name)) into.nodes.push_back(std::move(*read));
    } else if (kind == "Service") {
      if (auto read = read_service(reader, value, key)) into.services.push_back(std::move(*read));
    } else {
      if (auto read = read_slice(reader, value, key)) into.slices.push_back(std::move(*read));
    }
  }
};

}  // namespace

void decode(const Value& document, const std::string& file, Objects& into,
            std::vector<Problem>& problems, const std::string& implied_kind) {
  const std::size_t services = into.services.size(), slices = into.slices.size(),
                    nodes = into.nodes.size();
  Decoder{file, into, problems}.document(document, implied_kind);
  const Text origin(file);
  for (std::size_t one = services; one < into.services.size(); ++one)
    into.services[one].origin = origin;
  for (std::size_t one = slices; one < into.slices.size(); ++one) into.slices[one].origin = origin;
  for (std::size_t one = nodes; one < into.nodes.size(); ++one) into.nodes[one].origin = origin;
}

}  // namespace holdfast::kubernetes
