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

  // After its problem was told.
  void refuse() {
    if (!into.nameless) into.nameless = problems.back();
  }

  void document(const Value& value, const std::string& implied_kind) {
    const Reader reader(file, "", problems);
    if (value.type != Value::Type::mapping) {
      reader.problem(value, "expected a Kubernetes object: a mapping with apiVersion and kind");
      refuse();
      return;
    }
    std::string kind = reader.text(value, "kind");
    if (kind.empty()) kind = implied_kind;
    if (kind.empty()) {
      reader.problem(value, "kind is missing");
      refuse();
      return;
    }
    if (const auto inner = list_of(kind)) {
      if (!reader.typed(value, "items", Value::Type::sequence)) {
        refuse();
      } else if (const Value* items = reader.member(value, "items", Value::Type::sequence)) {
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
      refuse();
      return;
    }
    const Value* metadata = plain.member(value, "metadata", Value::Type::mapping);
    if (!metadata) {
      const Value* other = value.find("metadata");
      if (!other || other->is_null()) plain.problem(value, "metadata is missing");
      refuse();
      return;
    }
    ServiceKey key{plain.text(*metadata, "namespace"), plain.text(*metadata, "name")};
    if (key.name_space.empty()) key.name_space = "default";
    if (!plain.name(*metadata, key.name, "metadata.name") ||
        !plain.name(*metadata, key.name_space, "metadata.namespace")) {
      refuse();
      return;
    }
    read(value, kind, key);
  }

  void read(const Value& value, const std::string& kind, const ServiceKey& key) {
    const bool node = kind == "Node";
    const Reader reader(file, kind + " " + (node ? key.name : key.to_string()), problems);
    const auto take = [&](auto object, auto& list) {
      object.whole = reader.whole();
      list.push_back(std::move(object));
    };
    if (node) {
      take(read_node(reader, value, key.name), into.nodes);
    } else if (kind == "Service") {
      take(read_service(reader, value, key), into.services);
    } else if (auto slice = read_slice(reader, value, key)) {
      take(std::move(*slice), into.slices);
    }
  }
};

}  // namespace

std::optional<std::string> kind_of_items(const Value& document) {
  const Value* kind = document.find("kind");
  return kind && kind->type == Value::Type::string ? list_of(kind->text) : std::nullopt;
}

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
