// SPDX-License-Identifier: Apache-2.0
// Typed reading of one object, with a problem for each thing that is wrong. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/model/update.h"
#include "agent/sources/kubernetes/objects.h"
#include "agent/sources/value.h"

namespace holdfast::kubernetes {

class Reader {
 public:
  Reader(std::string file, std::string object, std::vector<Problem>& problems)
      : file_(std::move(file)), object_(std::move(object)), problems_(problems) {}

  // It cannot be read: the whole object is not said (design.md 4.1).
  void problem(const Value& at, std::string message) const {
    whole_ = false;
    reject(at, std::move(message));
  }
  // It was read, and a rule of ours leaves it out: this one thing, the object goes on.
  void reject(const Value& at, std::string message) const {
    problems_.push_back({file_, at.line, at.column, object_, std::move(message)});
  }
  // It is good, and asks for what is not honoured.
  void note(const Value& at, std::string message) const {
    problems_.push_back(
        {file_, at.line, at.column, object_, std::move(message), Problem::Kind::note});
  }
  bool whole() const { return whole_; }

  // nullptr without a problem: absent or null. nullptr with one: of another type.
  const Value* member(const Value& parent, std::string_view key, Value::Type type) const;
  // False, with a problem: there, and of another type. For what an object cannot be read without:
  // a mistyped list is not an empty one.
  bool typed(const Value& parent, std::string_view key, Value::Type type) const;
  std::string text(const Value& parent, std::string_view key) const;  // "": absent
  std::optional<bool> boolean(const Value& parent, std::string_view key) const;
  // 1 to 65535; anything else is a problem and nullopt.
  std::optional<std::uint16_t> port(const Value& value, std::string_view what) const;
  std::optional<IpAddress> address(const Value& value, std::string_view what) const;
  // The same, of a frontend or a node: forbidden ones are rejected.
  std::optional<IpAddress> frontend(const Value& value, std::string_view what) const;
  std::optional<Protocol> protocol(const Value& parent) const;  // default TCP
  // RFC 1123 label or subdomain, as Kubernetes wants its names.
  bool name(const Value& at, const std::string& name, std::string_view what) const;

 private:
  std::string file_, object_;
  std::vector<Problem>& problems_;
  mutable bool whole_ = true;  // a problem is told from const readers
};

// holdfast.io/ annotations.
struct Annotations {
  std::optional<std::uint16_t> weight;
  ServicePolicy policy;
};
// A slice has a weight and nothing else of its own; what else it says is reported.
enum class AnnotationsOf { service, slice };
Annotations read_annotations(const Reader& reader, const Value& metadata, AnnotationsOf whose);

// What a Service of ours asks for and this version does not do, as notes.
void note_not_honoured(const Reader& reader, const Value& metadata, const Value& spec,
                       ServiceObject& service);

ServiceObject read_service(const Reader& reader, const Value& object, const ServiceKey& key);
// nullopt: no business of ours (names instead of addresses).
std::optional<SliceObject> read_slice(const Reader& reader, const Value& object,
                                      const ServiceKey& key);
NodeObject read_node(const Reader& reader, const Value& object, const std::string& name);

}  // namespace holdfast::kubernetes
