// SPDX-License-Identifier: Apache-2.0
// The CLI, whole, in a test: maps that the real planner filled, a daemon of canned answers, and
// what came out of stdout and stderr.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "agent/cli/commands/table.h"
#include "agent/dataplane/memory.h"
#include "agent/plan/planner.h"

namespace holdfast::cli::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast_cli_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(file(name)) << content;
    return file(name);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline Endpoint endpoint(const char* address, std::uint16_t port, const char* node) {
  Endpoint result;
  result.address = *IpAddress::parse(address);
  result.port = port;
  result.node = Text(node);
  result.zone = Text("z1");
  return result;
}

inline ServicePtr service(const char* name_space, const char* name, std::uint16_t port,
                          std::vector<Frontend> frontends, std::vector<Endpoint> endpoints) {
  Service result;
  result.key = {name_space, name};
  Pool pool;
  pool.service_port = port;
  pool.family = static_cast<std::uint8_t>(frontends.front().address.family());
  pool.frontends = std::move(frontends);
  pool.endpoints = std::move(endpoints);
  result.pools = {std::move(pool)};
  return std::make_shared<const Service>(std::move(result));
}

inline Frontend frontend(const char* address, std::uint16_t port,
                         FrontendKind kind = FrontendKind::cluster_ip) {
  return {*IpAddress::parse(address), port, kind, false};
}

// One endpoint in every state: two active ones of unequal weight, one held and used last, one
// draining by its weight, one not ready.
inline std::vector<Endpoint> song_endpoints() {
  Endpoint heavy = endpoint("10.1.0.2", 8080, "n2");
  heavy.weight = 200;
  Endpoint held = endpoint("10.1.0.3", 8080, "n2");
  held.held = held.doubted = true;
  Endpoint drained = endpoint("10.1.0.4", 8080, "n1");
  drained.weight = 0;
  Endpoint unready = endpoint("10.1.0.5", 8080, "n1");
  unready.ready = unready.serving = false;
  return {endpoint("10.1.0.1", 8080, "n1"), heavy, held, drained, unready};
}

// Two generations: the second takes an endpoint of shop/cart away while a connection is open.
inline MapsView sample_maps() {
  MemoryDataplane maps(capacity_for(64, 256));
  auto planner = Planner::adopt(Image{}, maps.capacity());
  const auto change = [](ServicePtr one) { return CatalogChange{one->key, one, "file"}; };
  const auto cart = [](std::vector<Endpoint> endpoints) {
    return service("shop", "cart", 443, {frontend("fd00:10::1", 443)}, std::move(endpoints));
  };
  Frontend node_port = frontend("127.0.0.1", 30080, FrontendKind::node_port);
  node_port.host_scope = true;
  const Endpoint stays = endpoint("fd00:1::1", 8443, "n1"),
                 goes = endpoint("fd00:1::2", 8443, "n2");
  const Generation first{
      3,
      {change(service("default", "song", 80, {frontend("10.96.0.10", 80), node_port},
                      song_endpoints())),
       change(service("default", "void", 80, {frontend("10.96.0.11", 80)}, {})),
       change(cart({stays, goes}))}};
  EXPECT_TRUE(maps.apply(*planner->plan(first)));
  Image& image = maps.image();
  image.stats.resize(image.endpoints.size());
  for (std::size_t id = 1; id < image.endpoints.size(); ++id) {
    if (IpAddress::from_abi(image.endpoints[id].addr) == goes.address) image.stats[id].connects = 1;
    if (IpAddress::from_abi(image.endpoints[id].addr).to_string() == "10.1.0.1")
      image.stats[id] = {5, 3, 4, 1, 0, HF_FAILURE_REFUSED, 210, 0};
  }
  EXPECT_TRUE(maps.apply(*planner->plan({4, {change(cart({stays}))}})));
  return {
      *maps.observe(), maps.capacity(), {{"redirected", 6}, {"miss", 2}}, {{"hf_connect4", true}}};
}

struct Outcome {
  int code = -1;
  std::string out, err;
};

// A host with pinned maps and a daemon, either of which a test may take away.
class Host {
 public:
  Outcome run(std::vector<std::string> arguments) {
    if (hermetic)
      arguments.insert(arguments.begin(), {"--config", directory.write("c.yaml", "{}")});
    std::ostringstream out, err;
    Env env{out, err, variables, {}, {}, {}, {}, {}};
    env.open_maps = [this](const std::string& bpffs) -> Result<MapsView> {
      bpffs_seen = bpffs;
      if (maps) return *maps;
      return fail(Errc::not_found, "no maps are pinned under " + bpffs);
    };
    env.request = [this](const std::string& socket, const admin::Request& request,
                         int timeout) -> Result<admin::Response> {
      socket_seen = socket;
      timeout_seen = timeout;
      requests.push_back(request.method + " " + request.path);
      if (!daemon) return fail(Errc::unavailable, "holdfastd does not answer on " + socket);
      const auto answer = answers.find(requests.back());
      if (answer == answers.end()) return admin::Response{404, "", "{\"error\": \"no such hold\"}"};
      return answer->second;
    };
    env.uninstall = [this](const std::string& bpffs,
                           bool force) -> Result<std::vector<std::string>> {
      if (daemon && !force) return fail(Errc::exists, "holdfastd runs");
      return std::vector<std::string>{bpffs + "/links/hf_connect4"};
    };
    env.host_facts = [this](const Config& config) {
      host::Facts facts = host_facts;
      facts.state.directory = config.state_dir;
      return facts;
    };
    env.log_lines = [this] { return log_lines; };
    env.now = [] { return std::int64_t{1700003601}; };
    Outcome outcome;
    outcome.code = cli::run(env, arguments);
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
  }

  TemporaryDirectory directory;
  std::map<std::string, std::string> variables;
  std::optional<MapsView> maps = sample_maps();
  bool daemon = true;
  bool hermetic = true;  // names a configuration file, so that the machine's own is not read
  std::map<std::string, admin::Response> answers;
  host::Facts host_facts;
  std::string log_lines;

  std::string bpffs_seen, socket_seen;
  int timeout_seen = 0;
  std::vector<std::string> requests;
};

}  // namespace holdfast::cli::test
