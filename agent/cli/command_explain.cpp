// SPDX-License-Identifier: Apache-2.0
// `explain`: the kernel's own decision, bpf/lib/lookup.h, run over the pinned maps.
#include <boost/json/object.hpp>
#include <charconv>
#include <ostream>

#include "agent/base/text.h"
#include "agent/cli/commands.h"
#include "agent/cli/views.h"
#include "agent/model/ready.h"
#include "agent/plan/words.h"

namespace {

using hf_view = const holdfast::Image*;

int hf_load_frontend(hf_view view, const hf_frontend_key* key, __u32* word) {
  const auto found = view->frontends.find(*key);
  if (found == view->frontends.end()) return 0;
  *word = found->second;
  return 1;
}
int hf_in_host_scope(hf_view) {
  return 1;
}
int hf_load_pool_word(hf_view view, __u32 pool, __u64* word) {
  if (pool >= view->pools.size()) return 0;
  *word = view->pools[pool].word;
  return 1;
}
int hf_load_pool_policy(hf_view view, __u32 pool, __u64* policy) {
  if (pool >= view->pools.size()) return 0;
  *policy = view->pools[pool].policy;
  return 1;
}
int hf_load_slot(hf_view view, __u32 slot, __u32* endpoint) {
  if (slot >= view->slots.size()) return 0;
  *endpoint = view->slots[slot];
  return 1;
}
int hf_load_endpoint(hf_view view, __u32 endpoint, hf_endpoint* copy) {
  if (endpoint >= view->endpoints.size()) return 0;
  *copy = view->endpoints[endpoint];
  return 1;
}
__u32 hf_random(hf_view) {
  return 0;
}  // any slot stands for all: the candidates are listed

}  // namespace

#include "bpf/lib/lookup.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;

std::optional<Frontend> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  std::uint16_t port = 0;
  const auto [end, error] =
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (!address || error != std::errc() || end != text.data() + text.size() || port == 0)
    return std::nullopt;
  return Frontend{*address, port};
}

std::string reason_of(__u32 counter) {
  switch (counter) {
#define REASON(symbol, name, help) \
  case HF_COUNT_##symbol:          \
    return help;
    HF_COUNTERS(REASON)
#undef REASON
    default:
      return "";
  }
}

// The program that would look `dialled` up, if it is known not to be attached; "".
std::string detached_program(const std::vector<ProgramStatus>& programs, const IpAddress& dialled) {
  const char* name = dialled.is_v4() ? "hf_connect4" : "hf_connect6";
  for (const ProgramStatus& program : programs) {
    if (program.name == name && !program.attached) return name;
  }
  return "";
}

void describe(const Env& env, const Options& options, const object& answer) {
  env.out << printable(options.arguments[0]) << ": " << cell(answer.at("decision")) << " ("
          << cell(answer.at("reason")) << ")\n";
  if (!answer.at("service").is_null()) env.out << "service " << cell(answer.at("service")) << "\n";
  if (const array& rows = answer.at("candidates").as_array(); !rows.empty()) {
    print_rows(env.out, options.rendering, rows,
               {{"CANDIDATE", "address"},
                {"PORT", "port"},
                {"WEIGHT", "weight"},
                {"STATE", "state"},
                {"NODE", "node"}},
               {});
  }
  if (const array& rows = answer.at("used_last").as_array(); !rows.empty()) {
    print_rows(env.out, options.rendering, rows,
               {{"USED-LAST", "address"}, {"PORT", "port"}, {"STATE", "state"}, {"NODE", "node"}},
               {});
  }
}

}  // namespace

int explain(const Env& env, const Options& options) {
  const auto protocol = parse_protocol(options.protocol).value_or(Protocol::tcp);
  const auto dialled = parse_address(options.arguments.at(0));
  if (!dialled) {
    return report_usage(
        env, options,
        "expected ADDRESS:PORT or [ADDRESS]:PORT, not '" + options.arguments[0] + "'");
  }
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  hf_decision decision{};
  const hf_frontend_key key = frontend_key(*dialled, protocol);
  hf_lookup(&maps->image, &key, &decision);
  std::string reason = reason_of(decision.counter);
  if (!is_served(protocol)) reason = reason_of(HF_COUNT_OTHER_PROTOCOL);
  const std::string detached = detached_program(maps->programs, dialled->address);
  if (!detached.empty()) {
    reason = detached + " is not attached, so that no connect is looked up; once it is: " + reason;
    decision.verdict = HF_VERDICT_PASS;
  }
  const char* verdict = decision.verdict == HF_VERDICT_ENDPOINT ? "endpoint"
                        : decision.verdict == HF_VERDICT_PASS   ? "pass"
                                                                : "refuse";
  object answer{
      {"frontend", nullptr}, {"service", nullptr}, {"decision", verdict}, {"reason", reason}};
  array candidates, used_last;
  const Vantage here{Text(options.config.node_name), {}};
  for (const ServiceView& service : services_of(maps->image)) {
    for (const PoolView& pool : service.pools) {
      if (decision.pool == 0 || pool.id != decision.pool) continue;
      answer["service"] = service.key.to_string();
      for (const Frontend& one : pool.pool.frontends) {
        if (one.address == dialled->address && one.port == dialled->port)
          answer["frontend"] = frontend_row(one, pool.pool.protocol);
      }
      for (const EndpointView& one : pool.endpoints) {
        // A member's state does not tell: a held one may be listed without being picked.
        if (!detached.empty()) break;
        if (one.picked) candidates.push_back(endpoint_row(one));
        const bool near = is_near(pool.pool, one.endpoint, here);
        if (!one.picked && one.endpoint.doubted && near) used_last.push_back(endpoint_row(one));
      }
    }
  }
  answer["candidates"] = candidates;
  answer["used_last"] = used_last;
  if (!print_document(env.out, options.rendering, answer)) describe(env, options, answer);
  return kOk;
}

}  // namespace holdfast::cli
