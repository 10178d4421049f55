// SPDX-License-Identifier: Apache-2.0
// Whatever an API server may answer: as a page of a list, as a streaming list, and as a watch of
// what was listed before. The store must stay whole, what it hands on well formed, and a list that
// does not reach its end must change nothing.
#include "agent/sources/kubernetes/api/store.h"
#include "tests/fuzz/well_formed.h"

namespace holdfast::kubernetes {
namespace {

using fuzz::expect;

constexpr const char* kService =
    R"({"kind":"Service","metadata":{"name":"song","namespace":"default","resourceVersion":"10"},)"
    R"("spec":{"clusterIP":"10.96.0.10","clusterIPs":["10.96.0.10"],"type":"ClusterIP",)"
    R"("ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":8080}]}})";
constexpr const char* kSlice =
    R"({"kind":"EndpointSlice","metadata":{"name":"song-1","namespace":"default",)"
    R"("resourceVersion":"11","labels":{"kubernetes.io/service-name":"song"}},)"
    R"("addressType":"IPv4","endpoints":[{"addresses":["10.1.2.4"],"targetRef":{"uid":"a"}},)"
    R"({"addresses":["10.1.2.5"],"targetRef":{"uid":"b"}}],)"
    R"("ports":[{"name":"http","port":8080,"protocol":"TCP"}]})";

// A store that has listed one service, and what it has handed on.
struct Base {
  Base() {
    for (const Kind kind : kKinds) {
      store.begin_list(kind);
      if (kind != Kind::node) store.list(kind, document(kind == Kind::service ? kService : kSlice));
      store.end_list(kind, Version::parse("12"), false);
    }
    take();
    expect(known.size() == 1, "the base is one service");
  }
  static Value document(const char* json) { return parse_documents(json, "").documents.at(0); }

  // false: nothing was handed on.
  bool take() {
    const auto update = store.take();
    if (update) fuzz::expect_well_formed(*update, known);
    return update.has_value();
  }
  void listed_nothing() {
    const auto before = known;
    expect(!take() && known == before, "a list without its end changes nothing");
  }

  Store store{"kube"};
  std::map<ServiceKey, ServicePtr> known;
};

Kind kind_of(std::string_view body) {
  if (body.find("EndpointSlice") != std::string_view::npos) return Kind::slice;
  return body.find("Node") != std::string_view::npos ? Kind::node : Kind::service;
}

void as_page(Kind kind, std::string_view body) {
  const auto page = parse_page(body);
  if (!page) return;
  Base base;
  std::vector<ObjectRef> refs;
  base.store.begin_list(kind);
  for (const Value& item : page->items) {
    base.store.list(kind, item);
    refs.push_back(ref_of(item));
  }
  base.listed_nothing();
  (void)base.store.compare(kind, refs, page->version);
  base.store.end_list(kind, page->version, page->items.size() % 2 == 1);
  base.take();
  for (const Value& item : page->items) base.store.correct(kind, item, page->version);
  base.take();
}

// As the reflector reads a stream, in pieces of any size.
void as_stream(Kind kind, std::string_view body, bool initial) {
  Base base;
  Lines lines;
  if (initial) base.store.begin_list(kind);
  const std::size_t step = 1 + body.size() % 97;
  for (std::size_t at = 0; at < body.size(); at += step) {
    lines.add(body.substr(at, step));
    for (;;) {
      const auto line = lines.next();
      if (!line || !*line) break;
      const auto event = parse_event(**line);
      if (!event || event->type == EventType::error) return;
      if (event->type == EventType::bookmark && initial && event->initial_end) {
        base.listed_nothing();
        base.store.end_list(kind, event->version, false);
        base.take();
        initial = false;
      } else if (event->type == EventType::bookmark) {
        if (!initial) base.store.advance(kind, event->version);
      } else if (initial) {
        base.store.list(kind, event->object);
      } else {
        base.store.apply(kind, *event);
      }
    }
    if (initial) {
      base.listed_nothing();
    } else {
      base.take();
    }
  }
}

}  // namespace
}  // namespace holdfast::kubernetes

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::kubernetes;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const Kind kind = kind_of(body);
  as_page(kind, body);
  as_stream(kind, body, true);
  as_stream(kind, body, false);
  (void)parse_status(422, body);
  return 0;
}
