// SPDX-License-Identifier: Apache-2.0
// `connect`: rounds in which every arm has its turn, in random order. An arm's programs are
// attached for its turn only, so that `direct` runs with no program at all.
#include <bpf/bpf.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>

#include "tests/bench/figures.h"
#include "tests/bench/holdfast.h"
#include "tests/bench/rounds.h"
#include "tests/bench/traffic.h"
#include "tests/bench/usual.h"

namespace holdfast::bench {
namespace {

constexpr std::uint32_t kWarmUp = 64;
const IpAddress kNoRoute = IpAddress::parse("192.0.2.1").value();  // RFC 5737

struct Arm {
  std::string name;
  bool redirects = false;  // dials services; else the endpoints themselves
  bool udp = false;        // has a turn at UDP: what serves TCP alone has none
  bool v6 = false;
  std::function<void()> attach, detach;
  std::function<std::vector<ProgramFd>()> programs;  // after attach
};

class Bench {
 public:
  Bench(const Lab& lab, const ConnectOptions& options);
  Results run();

 private:
  using Programs = std::vector<bpf_program*>;
  Arm plain(std::string name, bool redirects, bool udp, Programs programs);
  Arm shipped(std::string name, bool evidence);
  void make_arms();
  void turn(const Arm& arm);
  void tcp_turn(const Arm& arm, const std::string& name, bool redirects);
  void udp_turn(const Arm& arm, const std::string& name, bool redirects);
  void stats_turn(const Arm& arm, const std::string& name, bool redirects);
  void passing_turn(const std::string& name);
  std::vector<Target> targets(int family, bool services, const std::string& pattern,
                              std::uint32_t count);
  void record(const std::string& series, const std::string& arm, Timings timings);
  void link(const Programs& programs);

  const Lab& lab_;
  ConnectOptions options_;
  std::mt19937_64 random_;
  TcpTraffic tcp4_, tcp6_;
  UdpTraffic udp_;
  Size size6_;
  Holdfast holdfast_;
  Usual usual_;
  std::unique_ptr<LookupOnly> lookup_;
  Fd cgroup_;
  std::vector<bpf_link*> links_;
  std::vector<Arm> arms_;
  Results results_;
};

Capacity capacity_of(Size v4, Size v6) {
  return capacity_for(v4.services + v6.services,
                      v4.services * v4.endpoints + v6.services * v6.endpoints);
}

Bench::Bench(const Lab& lab, const ConnectOptions& options)
    : lab_(lab),
      options_(options),
      random_(options.seed),
      tcp4_(4),
      tcp6_(6),
      size6_{std::max(1u, options.size.services / 100), options.size.endpoints},
      holdfast_(lab.cgroup, lab.bpffs, capacity_of(options.size, size6_)),
      usual_(options.size) {
  route_to_loopback(kEndpoints4);
  route_to_loopback(kEndpoints6);
  std::vector<ServicePtr> catalog = make_catalog(4, options.size, tcp4_.port());
  for (ServicePtr& one : make_catalog(6, size6_, tcp6_.port())) catalog.push_back(std::move(one));
  holdfast_.fill(catalog);
  usual_.fill(true, tcp4_.port());
  usual_.age();
  lookup_ = std::make_unique<LookupOnly>(holdfast_);
  cgroup_ = Fd(::open(lab.cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  make_arms();
}

void Bench::link(const Programs& programs) {
  for (bpf_program* program : programs) {
    links_.push_back(bpf_program__attach_cgroup(program, cgroup_.get()));
    require(links_.back() != nullptr, std::string("attach ") + bpf_program__name(program));
  }
}

Arm Bench::plain(std::string name, bool redirects, bool udp, Programs programs) {
  Arm arm{std::move(name), redirects, udp, !redirects, {}, {}, {}};
  arm.attach = [this, programs] { link(programs); };
  arm.detach = [this] {
    for (bpf_link* one : links_) bpf_link__destroy(one);
    links_.clear();
  };
  arm.programs = [programs] {
    std::vector<ProgramFd> result;
    for (bpf_program* one : programs) {
      result.push_back({bpf_program__name(one), Fd(::dup(bpf_program__fd(one)))});
    }
    return result;
  };
  return arm;
}

Arm Bench::shipped(std::string name, bool evidence) {
  Arm arm{std::move(name), true, false, evidence, {}, {}, {}};
  arm.attach = [this, evidence] { holdfast_.attach(evidence); };
  arm.detach = [this] { holdfast_.detach(); };
  arm.programs = [this] { return holdfast_.programs(); };
  return arm;
}

void Bench::make_arms() {
  arms_.push_back(plain("direct", false, true, {}));
  arms_.push_back(plain("empty", false, true, {usual_.empty4(), usual_.empty6()}));
  arms_.push_back(plain("lookup", true, true, {lookup_->program()}));
  arms_.push_back(shipped("state", false));
  arms_.push_back(shipped("holdfast", true));
  arms_.push_back(plain("usual", true, true, {usual_.lookups()}));
  arms_.push_back(plain("usual_lru", true, true, {usual_.lookups_and_lru()}));
}

// hot: one service, whatever endpoint of it. random: any service. The targets are laid out before
// the clock starts; the arms that redirect nothing dial an endpoint of the same choice.
std::vector<Target> Bench::targets(int family, bool services, const std::string& pattern,
                                   std::uint32_t count) {
  const Size& size = family == 4 ? options_.size : size6_;
  const std::uint16_t port = family == 4 ? tcp4_.port() : tcp6_.port();
  std::uniform_int_distribution<std::uint32_t> any_service(0, size.services - 1);
  std::uniform_int_distribution<std::uint32_t> any_endpoint(0, size.endpoints - 1);
  std::vector<Target> result;
  result.reserve(count);
  for (std::uint32_t one = 0; one < count; ++one) {
    const std::uint32_t service = pattern == "hot" ? size.services / 2 : any_service(random_);
    const std::uint32_t endpoint = service * size.endpoints + any_endpoint(random_);
    result.push_back(services ? target_of(service_address(family, service), kServicePort)
                              : target_of(endpoint_address(family, endpoint), port));
  }
  return result;
}

void Bench::record(const std::string& series, const std::string& arm, Timings timings) {
  Record& record = results_.records[{series, arm}];
  record.connect_p50.push_back(percentile(timings.connect, 0.5));
  record.connect_p99.push_back(percentile(timings.connect, 0.99));
  if (timings.close.empty()) return;
  record.close_p50.push_back(percentile(timings.close, 0.5));
  record.whole_p50.push_back(percentile(timings.whole, 0.5));
}

void Bench::tcp_turn(const Arm& arm, const std::string& name, bool redirects) {
  for (const std::string pattern : {"hot", "random"}) {
    (void)tcp4_.run(targets(4, redirects, pattern, kWarmUp));
    record("tcp4/" + pattern, name, tcp4_.run(targets(4, redirects, pattern, options_.connects)));
  }
  if (!arm.v6) return;
  (void)tcp6_.run(targets(6, redirects, "hot", kWarmUp));
  record("tcp6/hot", name, tcp6_.run(targets(6, redirects, "hot", options_.connects)));
}

void Bench::udp_turn(const Arm& arm, const std::string& name, bool redirects) {
  if (!arm.udp) return;
  for (const std::string pattern : {"hot", "random"}) {
    (void)udp_.run(targets(4, redirects, pattern, kWarmUp));
    record("udp4/" + pattern, name, udp_.run(targets(4, redirects, pattern, options_.connects)));
  }
}

// The kernel's own count of what each program took: exact where the clock around a whole connect is
// not. Measuring costs time itself, so it has connects of its own.
void Bench::stats_turn(const Arm& arm, const std::string& name, bool redirects) {
  const std::vector<ProgramFd> programs = arm.programs();
  if (programs.empty()) return;
  const auto read = [](const ProgramFd& program) {
    bpf_prog_info info{};
    __u32 length = sizeof info;
    require(::bpf_obj_get_info_by_fd(program.fd.get(), &info, &length) == 0, "program info");
    return std::pair<std::uint64_t, std::uint64_t>(info.run_time_ns, info.run_cnt);
  };
  const Fd counting(::bpf_enable_stats(BPF_STATS_RUN_TIME));
  require(static_cast<bool>(counting), "enable bpf_stats");
  for (const std::string pattern : {"hot", "random"}) {
    const auto dialled = targets(4, redirects, pattern, options_.connects);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> before;
    for (const ProgramFd& one : programs) before.push_back(read(one));
    (void)tcp4_.run(dialled);
    for (std::size_t one = 0; one < programs.size(); ++one) {
      const auto [time, runs] = read(programs[one]);
      if (runs == before[one].second) continue;
      results_.programs[{name, pattern, programs[one].name}].push_back(
          static_cast<double>(time - before[one].first) /
          static_cast<double>(runs - before[one].second));
    }
  }
}

void Bench::turn(const Arm& arm) {
  arm.attach();
  tcp_turn(arm, arm.name, arm.redirects);
  udp_turn(arm, arm.name, arm.redirects);
  stats_turn(arm, arm.name, arm.redirects);
  if (!arm.redirects) passing_turn(arm.name);
  if (arm.name == "holdfast") {  // connects to anything else
    tcp_turn(arm, "miss", false);
    stats_turn(arm, "miss", false);
    passing_turn("miss");
  }
  arm.detach();
}

// Connects of one TCP socket to an address without a route: the hook runs, and nearly nothing else.
void Bench::passing_turn(const std::string& name) {
  const std::vector<Target> nowhere(options_.connects, target_of(kNoRoute, kServicePort));
  (void)tcp4_.run_unroutable(nowhere);
  record("tcp4/no-route", name, tcp4_.run_unroutable(nowhere));
}

Results Bench::run() {
  for (std::uint32_t round = 0; round < options_.rounds; ++round) {
    std::shuffle(arms_.begin(), arms_.end(), random_);
    for (const Arm& arm : arms_) turn(arm);
    std::fprintf(stderr, "\rround %u of %u", round + 1, options_.rounds);
  }
  std::fputc('\n', stderr);
  results_.redirected = holdfast_.counter("redirected");
  results_.passed = holdfast_.counter("miss");
  return results_;
}

}  // namespace

int run_connect(const ConnectOptions& options) {
  return in_lab(options.cpu, [&](const Lab& lab) {
    boost::json::object machine_now = machine(options.cpu);
    Bench bench(lab, options);
    const Results results = bench.run();
    machine_now["load_after"] = load_average();
    const boost::json::object document = connect_document(options, results, machine_now);
    print_connect(document);
    if (!options.json.empty()) write_json(options.json, document);
    return 0;
  });
}

}  // namespace holdfast::bench
