// SPDX-License-Identifier: Apache-2.0
// `start`: the real holdfastd with a snapshot and nothing else, as after a reboot: no maps, no
// source that can be reached, and the file out of the page cache. From exec to READY=1.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/base/host.h"
#include "agent/dataplane/kernel/kernel.h"
#include "agent/snapshot/store.h"
#include "tests/bench/figures.h"
#include "tests/bench/lab.h"
#include "tests/bench/start.h"

namespace holdfast::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t kEndpointPort = 8080;
constexpr int kPatienceMs = 120'000;

struct StartTimes {
  std::vector<double> ready, cpu;  // milliseconds
  std::vector<double> anonymous;   // MiB at READY=1
  std::uint64_t file = 0;          // bytes
};

// A directory with state, configuration and sockets; gone with it.
class Site {
 public:
  explicit Site(const Lab& lab) {
    std::string pattern = (fs::temp_directory_path() / "holdfast_bench_XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "make a directory");
    path = pattern;
    std::ofstream(path / "config.yaml")
        << "dataplane: {cgroup: " << lab.cgroup << ", bpffs: " << lab.bpffs << "}\n"
        << "state_dir: " << state() << "\nadmin: {socket: " << (path / "admin.sock").string()
        << ", listen: none}\nsources: [{name: bench, file: {path: " << (path / "none").string()
        << "}}]\n";
    notify = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, notify_path().c_str(), sizeof address.sun_path - 1);
    require(::bind(notify.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
            "bind the socket of READY=1");
  }
  ~Site() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  std::string state() const { return (path / "state").string(); }
  std::string notify_path() const { return (path / "notify.sock").string(); }

  fs::path path;
  Fd notify;
};

std::uint64_t write_snapshot(const Site& site, Size size) {
  Snapshot snapshot;
  snapshot.generation = 1;
  snapshot.written_at = std::time(nullptr);
  snapshot.node = host_name();
  auto& memory = snapshot.sources.emplace_back();
  memory.name = "bench";
  for (const ServicePtr& service : make_catalog(4, size, kEndpointPort))
    memory.memory.services.push_back({service, false, false});
  SnapshotStore store(site.state());
  require(store.open() && store.save(snapshot), "write the snapshot");
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(site.state())) bytes = entry.file_size();
  return bytes;
}

void forget_pages(const Site& site) {
  for (const auto& entry : fs::directory_iterator(site.state())) {
    const Fd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

pid_t launch(const Site& site) {
  const std::string program = fs::read_symlink("/proc/self/exe").parent_path() / "holdfastd";
  const std::string config = (site.path / "config.yaml").string();
  const pid_t child = ::fork();
  require(child >= 0, "fork");
  if (child > 0) return child;
  ::setenv("NOTIFY_SOCKET", site.notify_path().c_str(), 1);
  const Fd log(::open((site.path / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  ::dup2(log.get(), 2);
  ::execl(program.c_str(), program.c_str(), "--config", config.c_str(), nullptr);
  ::_exit(127);
}

// READY=1 also comes, a little later, when there is nothing to serve: that is no start.
void await_serving(const Site& site) {
  for (;;) {
    pollfd waiting{site.notify.get(), POLLIN, 0};
    errno = 0;
    if (::poll(&waiting, 1, kPatienceMs) != 1) {
      std::stringstream log;
      log << std::ifstream(site.path / "log").rdbuf();
      give_up("holdfastd did not get ready: " + log.str());
    }
    char message[256] = {};
    (void)::recv(site.notify.get(), message, sizeof message - 1, 0);
    const std::string_view text(message);
    if (text.find("READY=1") == std::string_view::npos) continue;
    require(text.find("STATUS=serving") != std::string_view::npos, "it serves nothing");
    return;
  }
}

double cpu_ms(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  std::string word;
  double ticks = 0;
  for (int field = 1; field <= 15 && in >> word; ++field)
    if (field >= 14) ticks += std::stod(word);
  return ticks * 1000 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double anonymous_mib(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/status");
  for (std::string word; in >> word;) {
    double kib = 0;
    if (word == "RssAnon:" && in >> kib) return kib / 1024;
  }
  return 0;
}

void start_once(const Lab& lab, const Site& site, Size size, StartTimes& times) {
  (void)uninstall(lab.bpffs, true);
  forget_pages(site);
  const std::uint64_t start = now_ns();
  const pid_t child = launch(site);
  await_serving(site);
  times.ready.push_back(static_cast<double>(now_ns() - start) / 1e6);
  times.cpu.push_back(cpu_ms(child));
  times.anonymous.push_back(anonymous_mib(child));
  const auto reader = PinnedReader::open(lab.bpffs);
  require(reader.has_value(), "open the maps");
  const auto image = reader->image();
  errno = 0;
  require(image && image->frontends.size() == size.services, "not every service is in the maps");
  ::kill(child, SIGTERM);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0, "stop holdfastd");
}

}  // namespace

int run_start(const StartOptions& options) {
  return in_lab(options.cpu, [&](const Lab& lab) {
    boost::json::object machine_now = machine(options.cpu);
    const Site site(lab);
    StartTimes times;
    times.file = write_snapshot(site, options.size);
    for (std::uint32_t round = 0; round < options.rounds; ++round)
      start_once(lab, site, options.size, times);
    (void)uninstall(lab.bpffs, true);
    machine_now["load_after"] = load_average();
    const boost::json::object document{{"machine", machine_now},
                                       {"rounds", options.rounds},
                                       {"services", options.size.services},
                                       {"endpoints_per_service", options.size.endpoints},
                                       {"file_bytes", times.file},
                                       {"ready_ms", to_json(spread_of(times.ready))},
                                       {"cpu_ms", to_json(spread_of(times.cpu))},
                                       {"anonymous_mib", to_json(spread_of(times.anonymous))}};
    fmt::print("start: {}\n\nmin/median/max over {} rounds, {} x {}, a file of {:.1f} MiB\n",
               boost::json::serialize(machine_now), options.rounds, options.size.services,
               options.size.endpoints, static_cast<double>(times.file) / 1048576);
    const auto line = [](const char* what, const std::vector<double>& values) {
      const Spread spread = spread_of(values);
      fmt::print("{:36} {:.0f}/{:.0f}/{:.0f}\n", what, spread.min, spread.median, spread.max);
    };
    line("exec to READY=1, ms", times.ready);
    line("of it time of the processor, ms", times.cpu);
    line("anonymous memory then, MiB", times.anonymous);
    if (!options.json.empty()) write_json(options.json, document);
    return 0;
  });
}

}  // namespace holdfast::bench
