// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/sets/bench.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "agent/plan/inspect.h"
#include "holdfast/abi/names.h"
#include "holdfast/abi/pins.h"

namespace holdfast::kernel_test {
namespace {

namespace fs = std::filesystem;

void require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

Ran run(const std::vector<std::string>& command) {
  int ends[2];
  require(::pipe2(ends, O_CLOEXEC) == 0, "pipe");
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  require(child >= 0, "fork");
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  Ran ran;
  char buffer[4096];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    ran.output.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  require(::waitpid(child, &ran.status, 0) == child, "wait");
  return ran;
}

std::uint32_t program_id(const std::string& pin) {
  const Fd fd(::bpf_obj_get(pin.c_str()));
  bpf_prog_info info{};
  __u32 length = sizeof info;
  return fd && ::bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 ? info.id : 0;
}

std::uint32_t linked_program_id(const std::string& pin) {
  const Fd fd(::bpf_obj_get(pin.c_str()));
  bpf_link_info info{};
  __u32 length = sizeof info;
  return fd && ::bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 ? info.prog_id : 0;
}

}  // namespace

bool Ran::killed() const {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

long Ran::number(const std::string& name) const {
  const auto at = output.find(name + " ");
  return at == std::string::npos ? -1 : std::strtol(output.c_str() + at + name.size(), nullptr, 10);
}

Bench::Bench() {
  require(::unshare(CLONE_NEWNS) == 0, "new mount namespace");
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
  char name[] = "/tmp/holdfast_sets_XXXXXX";
  require(::mkdtemp(name) != nullptr, "temporary directory");
  mount_ = name;
  require(::mount("bpf", name, "bpf", 0, nullptr) == 0, "mount bpffs");
  bpffs_ = mount_ + "/holdfast";
}

Bench::~Bench() {
  (void)holdfast::uninstall(bpffs_, true);
  ::umount2(mount_.c_str(), MNT_DETACH);
  ::rmdir(mount_.c_str());
}

Ran Bench::agent(const std::vector<std::string>& arguments, const std::string& program) const {
  std::vector<std::string> command{HOLDFAST_BUILD_DIR "/bin/" + program, cgroup(), bpffs_};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command);
}

Ran Bench::uninstall() const {
  return run({HOLDFAST_BUILD_DIR "/bin/holdfast", "uninstall", "--bpffs", bpffs_});
}

std::vector<std::string> Bench::pinned() const {
  std::vector<std::string> paths;
  if (!fs::exists(bpffs_)) return paths;
  for (const auto& entry : fs::recursive_directory_iterator(bpffs_)) {
    std::string path = entry.path().string().substr(bpffs_.size() + 1);
    if (entry.is_symlink()) path += " -> " + fs::read_symlink(entry.path()).string();
    paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string Bench::disorder() const {
  const std::string current = fs::read_symlink(bpffs_ + "/current").string();
  std::vector<std::string> wanted{"current -> " + current, "links", "shared", current};
#define MAP(kind, name, ...) wanted.push_back(current + "/" #name);
  HF_SET_MAPS(MAP)
#undef MAP
#define MAP(kind, name, ...) wanted.push_back("shared/" #name);
  HF_SHARED_MAPS(MAP)
#undef MAP
  std::string mixed;
#define PROGRAM(object, name, section)                       \
  wanted.push_back(current + "/" #name);                     \
  wanted.push_back("links/" #name);                          \
  if (program_id(bpffs_ + "/" + current + "/" #name) == 0 || \
      program_id(bpffs_ + "/" + current + "/" #name) !=      \
          linked_program_id(bpffs_ + "/links/" #name))       \
    mixed += " link " #name " runs another program;";
  HF_PROGRAMS(PROGRAM)
#undef PROGRAM
  std::sort(wanted.begin(), wanted.end());
  const std::vector<std::string> found = pinned();
  std::vector<std::string> lacking, left;
  std::set_difference(wanted.begin(), wanted.end(), found.begin(), found.end(),
                      std::back_inserter(lacking));
  std::set_difference(found.begin(), found.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(left));
  for (const std::string& path : lacking) mixed += " lacks " + path + ";";
  for (const std::string& path : left) mixed += " left " + path + ";";
  return mixed;
}

void Bench::forget_layout(const std::string& set) const {
  const Fd layout(::bpf_obj_get((bpffs_ + "/" + set + "/layout").c_str()));
  const __u32 key = 0;
  hf_layout other{};
  constexpr std::string_view kText = "holdfast layout 99\nsecret\n";
  std::copy(kText.begin(), kText.end(), other.text);
  require(::bpf_map_update_elem(layout.get(), &key, &other, BPF_ANY) == 0, "write the layout");
}

void Bench::attach_unknown(const std::string& name) const {
  const Fd program(::bpf_obj_get((bpffs_ + "/current/hf_connect4").c_str()));
  const Fd directory(::open(cgroup().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Fd link(
      ::bpf_link_create(program.get(), directory.get(), BPF_CGROUP_INET4_CONNECT, nullptr));
  require(link && ::bpf_obj_pin(link.get(), (bpffs_ + "/links/" + name).c_str()) == 0, "attach");
}

std::uint32_t Bench::attached() const {
  const Fd directory(::open(cgroup().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  __u32 ids[16] = {}, count = 16, flags = 0;
  require(::bpf_prog_query(directory.get(), BPF_CGROUP_INET4_CONNECT, 0, &flags, ids, &count) == 0,
          "query the hook");
  return count;
}

std::uint32_t Bench::in_flight() const {
  const auto reader = PinnedReader::open(bpffs_);
  require(reader.has_value(), "open the maps");
  const auto image = reader->image();
  require(image.has_value(), "read the maps");
  std::uint32_t sum = 0;
  for (const EndpointTotals& total : endpoints_of(*image)) sum += total.in_flight;
  return sum;
}

std::string Bench::traffic() const {
  const auto reader = PinnedReader::open(bpffs_);
  require(reader.has_value(), "open the maps");
  const auto image = reader->image();
  require(image.has_value(), "read the maps");
  std::string text;
  const std::size_t count = std::min(image->stats.size(), image->endpoint_names.size());
  for (std::size_t id = 1; id < count; ++id) {
    const hf_endpoint_stats& stats = image->stats[id];
    const hf_endpoint_name& name = image->endpoint_names[id];
    text += "endpoint " + std::to_string(id) + ": " +
            std::to_string(stats.connects - name.base_connects) + " connects, " +
            std::to_string(stats.closes - name.base_closes) + " closes, " +
            std::to_string(stats.established - name.base_established) + " established; ";
  }
  return text;
}

std::uint32_t Bench::set() const {
  const auto reader = PinnedReader::open(bpffs_);
  return reader ? reader->set() : 0;
}

std::set<Object> Bench::objects() const {
  std::set<Object> result;
  for (const auto& entry : fs::recursive_directory_iterator(bpffs_)) {
    if (entry.is_directory() || entry.is_symlink()) continue;
    const Fd fd(::bpf_obj_get(entry.path().c_str()));
    bpf_prog_info info{};  // the first fields of the three kinds' infos are type and id
    std::uint32_t maps[64] = {};
    __u32 length = sizeof info;
    const std::string name = entry.path().filename().string();
    const bool link = entry.path().parent_path().filename() == "links";
    const bool program = !link && name.starts_with("hf_");
    if (program) {
      info.nr_map_ids = 64;
      info.map_ids = reinterpret_cast<std::uint64_t>(maps);
    }
    require(fd && ::bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0, "info of " + name);
    result.insert({link ? 'l' : program ? 'p' : 'm', info.id});
    for (std::uint32_t one = 0; program && one < info.nr_map_ids; ++one) {
      result.insert({'m', maps[one]});
    }
  }
  return result;
}

std::set<Object> still_loaded(const std::set<Object>& objects) {
  std::set<Object> result;
  for (const auto& [kind, id] : objects) {
    const Fd fd(kind == 'l'   ? ::bpf_link_get_fd_by_id(id)
                : kind == 'p' ? ::bpf_prog_get_fd_by_id(id)
                              : ::bpf_map_get_fd_by_id(id));
    if (fd) result.insert({kind, id});
  }
  return result;
}

}  // namespace holdfast::kernel_test
