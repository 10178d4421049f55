// SPDX-License-Identifier: Apache-2.0
// `explain`: the kernel's own decision, run over the pinned maps.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <memory>
#include <ostream>

#include "agent/base/text.h"
#include "agent/cli/commands/table.h"
#include "agent/cli/views.h"
#include "agent/dataplane/lookup.h"
#include "agent/model/ready.h"
#include "agent/plan/words.h"
#include "holdfast/abi/counters.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;

struct Asked {
  std::string address;  // "10.96.0.10:80", "[fd00::1]:80"
  std::string protocol = "tcp";
};

struct Dialled {
  Frontend frontend;
  Protocol protocol = Protocol::tcp;
};

std::optional<Dialled> parse_dialled(const Asked& asked) {
  const std::string& text = asked.address;
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
  return Dialled{Frontend{*address, port}, parse_protocol(asked.protocol).value_or(Protocol::tcp)};
}

std::string reason_of(std::uint32_t counter) {
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

struct Answer {
  Decision decision;
  std::string reason;
  bool attached = true;  // of the program that would look the address up
};

Answer decide(const MapsView& maps, const Dialled& dialled) {
  Answer answer;
  answer.decision = look_up(maps.image, frontend_key(dialled.frontend, dialled.protocol));
  answer.reason = reason_of(is_served(dialled.protocol) ? answer.decision.counter
                                                        : __u32{HF_COUNT_OTHER_PROTOCOL});
  const std::string detached = detached_program(maps.programs, dialled.frontend.address);
  if (!detached.empty()) {
    answer.attached = false;
    answer.reason = detached + " is not attached, so that no connect is looked up; once it is: " +
                    answer.reason;
    answer.decision.verdict = LookupVerdict::pass;
  }
  return answer;
}

const char* to_string(LookupVerdict verdict) {
  switch (verdict) {
    case LookupVerdict::endpoint:
      return "endpoint";
    case LookupVerdict::pass:
      return "pass";
    default:
      return "refuse";
  }
}

struct Candidates {
  array picked;     // any of them, by weight
  array used_last;  // when none of the others can be had
};

// A member's state does not tell: a held one may be listed without being picked.
Candidates candidates_of(const PoolView& pool, const std::string& node) {
  const Vantage here{Text(node), {}};
  Candidates result;
  for (const EndpointView& one : pool.endpoints) {
    if (one.picked)
      result.picked.push_back(endpoint_row(one));
    else if (one.endpoint.doubted && is_near(pool.pool, one.endpoint, here))
      result.used_last.push_back(endpoint_row(one));
  }
  return result;
}

object document_of(const MapsView& maps, const Dialled& dialled, const Answer& answer,
                   const std::string& node) {
  object document{{"frontend", nullptr},
                  {"service", nullptr},
                  {"decision", to_string(answer.decision.verdict)},
                  {"reason", answer.reason}};
  Candidates candidates;
  for (const ServiceView& service : services_of(maps.image)) {
    for (const PoolView& pool : service.pools) {
      if (answer.decision.pool == 0 || pool.id != answer.decision.pool) continue;
      document["service"] = service.key.to_string();
      for (const Frontend& one : pool.pool.frontends) {
        if (one.address == dialled.frontend.address && one.port == dialled.frontend.port)
          document["frontend"] = frontend_row(one, pool.pool.protocol);
      }
      if (answer.attached) candidates = candidates_of(pool, node);
    }
  }
  document["candidates"] = std::move(candidates.picked);
  document["used_last"] = std::move(candidates.used_last);
  return document;
}

void print_answer(const Env& env, const Options& options, const Asked& asked,
                  const object& answer) {
  env.out << printable(asked.address) << ": " << cell(answer.at("decision")) << " ("
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

int explain_one(const Env& env, const Options& options, const Asked& asked) {
  const auto dialled = parse_dialled(asked);
  if (!dialled) {
    return report_usage(env, options,
                        "expected ADDRESS:PORT or [ADDRESS]:PORT, not '" + asked.address + "'");
  }
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  const Answer answer = decide(*maps, *dialled);
  const object document = document_of(*maps, *dialled, answer, options.config.node_name);
  if (!print_document(env.out, options.rendering, document))
    print_answer(env, options, asked, document);
  return kOk;
}

}  // namespace

Run explain(Usage& usage) {
  const auto asked = std::make_shared<Asked>();
  usage.argument("ADDRESS:PORT", asked->address);
  usage.flag("--protocol", &asked->protocol, "tcp or udp").choices = {"tcp", "udp"};
  usage.examples = {"holdfast explain 10.96.0.10:80", "holdfast explain [fd00:10::1]:443"};
  return
      [asked](const Env& env, const Options& options) { return explain_one(env, options, *asked); };
}

}  // namespace holdfast::cli
