// SPDX-License-Identifier: Apache-2.0
// The commands that ask the daemon: what is asked, what is shown, what each answer exits with.
#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <iostream>
#include <thread>

#include "tests/unit/cli/fixture.h"

namespace holdfast::cli::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

admin::Response json(const std::string& body, unsigned status = 200) {
  return {status, "application/json", body};
}

std::string status_body(bool ready) {
  return std::string("{\"ready\": ") + (ready ? "true" : "false") +
         R"(, "generation": 12, "programs": {"attached": true, "effective": "unknown"},
  "maps": [{"name": "pools", "used": 3, "capacity": 257},
           {"name": "service_names", "used": 2, "capacity": 65},
           {"name": "endpoints", "used": 5, "capacity": 129}],
  "set": 4, "layout": 1, "unreadable": "",
  "sources": [{"name": "disaster", "kind": "file", "state": "degraded",
               "last_confirmed": "2026-11-24T09:00:00Z", "age_seconds": 61,
               "last_error": "a.yaml: the file vanished"}],
  "holds": 2, "snapshot": {"generation": 11, "age_seconds": 5}})";
}

TEST(Status, ExitsWithReadiness) {
  Host host;
  host.answers["GET /v1/status"] = json(status_body(true));
  const Outcome ready = host.run({"status"});
  EXPECT_EQ(ready.code, kOk);
  EXPECT_THAT(ready.err, IsEmpty());
  for (const char* text : {"ready       true", "generation  12", "holds       2", "disaster",
                           "degraded", "a.yaml: the file vanished", "generation 11, 5 s old",
                           "maps        set 4, layout 1, room for 65 services, 129 endpoints"}) {
    EXPECT_THAT(ready.out, HasSubstr(text));
  }
  host.answers["GET /v1/status"] = json(status_body(false));
  EXPECT_EQ(host.run({"status"}).code, kFailed);
  EXPECT_EQ(host.run({"status", "-o", "json"}).code, kFailed);
}

TEST(Status, OfMapsThatAnotherVersionMade) {
  Host host;
  std::string body = status_body(false);
  body.replace(body.find("\"unreadable\": \"\""), 16, R"("unreadable": "set 3: no field")");
  host.answers["GET /v1/status"] = json(body);
  EXPECT_THAT(host.run({"status"}).out, HasSubstr("serving meanwhile  set 3: no field"));
}

TEST(Status, NamesTheProgramsThatAreNotAttachedOrNotPinned) {
  Host host;
  std::string body = status_body(false);
  const std::string whole = R"("attached": true,)";
  const std::string links = R"("repairs": 2, "last_error": "hf_connect4 is not attached: no cgroup",
    "links": [{"name": "hf_connect4", "attached": false, "pinned": true},
              {"name": "hf_connect6", "attached": true, "pinned": false}],)";
  body.replace(body.find(whole), whole.size(), R"("attached": false, )" + links);
  host.answers["GET /v1/status"] = json(body);
  EXPECT_THAT(host.run({"status"}).out,
              AllOf(HasSubstr("programs    NOT attached: hf_connect4, effective"),
                    HasSubstr("NOT PUT BACK  hf_connect4 is not attached: no cgroup")));
  body.replace(body.find(R"("attached": false)"), 17, R"("attached": true )");
  body.replace(body.find(R"("attached": false)"), 17, R"("attached": true )");
  host.answers["GET /v1/status"] = json(body);
  EXPECT_THAT(host.run({"status"}).out,
              HasSubstr("programs    attached, NOT pinned: hf_connect6, effective"));
}

TEST(Status, SaysHowGracePeriodsAreWaitedFor) {
  Host host;
  std::string body = status_body(true);
  body.insert(1, R"("grace": "map-in-map", )");
  host.answers["GET /v1/status"] = json(body);
  EXPECT_THAT(host.run({"status"}).out, HasSubstr("grace       map-in-map"));
}

TEST(Status, OfANodeThatReachesNothing) {
  Host host;
  std::string body = status_body(true);
  body.replace(body.find("\"holds\""), 0,
               R"("network": [{"family": "ipv4", "state": "fails", "since_seconds": 12,
                   "message": "this node cannot reach anything over IPv4: none of 3"},
                  {"family": "ipv6", "state": "unknown", "since_seconds": null,
                   "message": ""}], )");
  host.answers["GET /v1/status"] = json(body);
  const Outcome shown = host.run({"status"});
  EXPECT_THAT(shown.out, HasSubstr("NETWORK     this node cannot reach anything over IPv4"));
  EXPECT_THAT(shown.out, Not(HasSubstr("IPv6")));
}

TEST(Status, WithoutASnapshot) {
  Host host;
  std::string body = status_body(true);
  body.replace(body.find("{\"generation\": 11, \"age_seconds\": 5}"), 36, "null");
  host.answers["GET /v1/status"] = json(body);
  EXPECT_THAT(host.run({"status"}).out, HasSubstr("snapshot    none"));
}

constexpr const char* kConflicts =
    R"([{"owner": "default/song", "loser": "default/thief", "address": "10.96.0.10", "port": 80,
        "protocol": "TCP", "owner_kind": "ClusterIP", "owner_source": "kube",
        "loser_kind": "ExternalIP", "loser_source": "kube",
        "reason": "the kind of the owner comes first"}])";

TEST(Conflicts, StandInTheStatus) {
  Host host;
  std::string body = status_body(true);
  host.answers["GET /v1/status"] = json(body);
  EXPECT_THAT(host.run({"status"}).out, Not(HasSubstr("CONTESTED"))) << "an older daemon's answer";
  body.replace(body.rfind('}'), 1,
               std::string(", \"conflicts\": 1, \"contested\": ") + kConflicts + "}");
  host.answers["GET /v1/status"] = json(body);
  const Outcome outcome = host.run({"status"});
  EXPECT_EQ(outcome.code, kOk) << "readiness means that the maps serve";
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("conflicts   1\n"), HasSubstr("CONTESTED"),
                    HasSubstr("default/thief"), HasSubstr("the kind of the owner comes first")));
}

TEST(Conflicts, StandWithBothServices) {
  Host host;
  host.answers["GET /v1/conflicts"] = json(kConflicts);
  for (const char* name : {"default/song", "default/thief"}) {
    const Outcome outcome = host.run({"service", "show", name});
    EXPECT_EQ(outcome.code, kOk) << name;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("CONTESTED"), HasSubstr("default/song"),
                                   HasSubstr("default/thief"), HasSubstr("ExternalIP")));
    EXPECT_THAT(outcome.err, IsEmpty());
    const auto row = boost::json::parse(host.run({"service", "show", name, "-o", "json"}).out);
    EXPECT_EQ(row.at("contested").as_array().size(), 1u) << name;
  }
  const Outcome loser = host.run({"service", "show", "default/thief", "-o", "json"});
  const auto row = boost::json::parse(loser.out);
  EXPECT_EQ(row.at("source"), "kube") << "in no map: it lost every frontend";
  EXPECT_TRUE(row.at("frontends").as_array().empty());
  const auto other =
      boost::json::parse(host.run({"service", "show", "shop/cart", "-o", "json"}).out);
  EXPECT_TRUE(other.at("contested").as_array().empty());
  EXPECT_EQ(host.timeout_seen, 1)
      << "it answers without a daemon: one that hangs is not waited for";
}

TEST(Conflicts, AreNotKnownWithoutADaemon) {
  Host host;
  host.daemon = false;
  const Outcome outcome = host.run({"service", "show", "default/song"});
  EXPECT_EQ(outcome.code, kOk);
  EXPECT_THAT(outcome.err, HasSubstr("holdfastd does not answer"));
  const auto row =
      boost::json::parse(host.run({"service", "show", "default/song", "-o", "json"}).out);
  EXPECT_TRUE(row.at("contested").is_null());
}

TEST(UninstallSource, IsTheDaemonsToDo) {
  Host host;
  host.answers["POST /v1/sources/file/uninstall"] = json(R"({"source": "file", "services": 3})");
  const Outcome done = host.run({"uninstall", "--source", "file"});
  EXPECT_EQ(done.code, kOk) << done.err;
  EXPECT_EQ(done.out, "uninstalled source file: 3 services\n");
  host.answers["POST /v1/sources/file/uninstall"] = json(R"({"error": "it is in use"})", 409);
  const Outcome refused = host.run({"uninstall", "--source", "file"});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_THAT(refused.err, HasSubstr("it is in use"));
  host.daemon = false;
  EXPECT_EQ(host.run({"uninstall", "--source", "file"}).code, kNoDaemon)
      << "and nothing is removed";
}

// What tenants wrote comes back from the daemon, and perhaps of a version that escaped nothing.
TEST(Daemon, WhatStrangersWroteForgesNothingOnATerminal) {
  Host host;
  const std::string evil = R"("a\nready       true\u001b[31m\u202e\u009b")";
  host.answers["GET /v1/holds"] =
      json(R"([{"id": "1", "source": "s", "service": )" + evil + R"(, "state": "open",
               "since_seconds": 1, "reason": )" +
           evil + R"(, "endpoints": []}])");
  host.answers["GET /v1/sources"] =
      json(R"([{"name": )" + evil + R"(, "last_error": )" + evil + "}]");
  host.answers["GET /v1/status"] = json(R"({"error": )" + evil + "}", 500);
  const std::string shown = "a\\nready       true\\x1b[31m\\u{202e}\\u{009b}";
  for (const std::vector<std::string>& command : {std::vector<std::string>{"hold", "list"},
                                                  {"hold", "list", "-o", "name"},
                                                  {"source", "list"},
                                                  {"source", "list", "-o", "name"},
                                                  {"hold", "show", "1"},
                                                  {"status"}}) {
    const Outcome outcome = host.run(command);
    const std::string all = outcome.out + outcome.err;
    if (command != std::vector<std::string>{"hold", "list", "-o", "name"}) {
      EXPECT_THAT(all, HasSubstr(shown));
    }
    EXPECT_THAT(all, AllOf(Not(HasSubstr("\nready")), Not(HasSubstr("\x1b")),
                           Not(HasSubstr("\u202e")), Not(HasSubstr("\u009b"))));
  }
  const Outcome as_json = host.run({"hold", "list", "-o", "json"});
  EXPECT_THAT(as_json.out, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\u202e"))));
  EXPECT_EQ(boost::json::parse(as_json.out),
            boost::json::parse(host.answers["GET /v1/holds"].body));
}

TEST(Daemon, DeadIsExitThree) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"status"},
                                                    {"source", "list"},
                                                    {"hold", "list"},
                                                    {"accept", "7"},
                                                    {"reject", "--all"},
                                                    {"diff"}}) {
    Host host;
    host.daemon = false;
    auto with_json = arguments;
    with_json.insert(with_json.end(), {"-o", "json", "--admin-socket", "/s", "--timeout", "9"});
    const Outcome outcome = host.run(with_json);
    EXPECT_EQ(outcome.code, kNoDaemon) << arguments[0];
    EXPECT_EQ(outcome.out, "{\n  \"error\": \"holdfastd does not answer on /s\"\n}\n");
    EXPECT_THAT(outcome.err, HasSubstr("holdfastd does not answer on /s"));
    EXPECT_EQ(host.timeout_seen, 9);
  }
}

TEST(Daemon, AnAnswerOfAnotherShapeIsNoCrash) {
  for (const char* body : {"", "<html>", "[]", "{}", "7", "{\"ready\": 3}"}) {
    Host host;
    host.answers["GET /v1/status"] = json(body);
    EXPECT_EQ(host.run({"status"}).code, kFailed) << body;
    host.answers["GET /v1/diff"] = json(body == std::string("[]") ? "{}" : body);
    EXPECT_EQ(host.run({"diff"}).code, 2) << body;
  }
}

TEST(Holds, List) {
  Host host;
  host.answers["GET /v1/holds"] = json(
      R"([{"id": "00c0ffee", "source": "disaster", "service": "default/song", "state": "open",
          "since_seconds": 4, "reason": "file vanished",
          "endpoints": [{"address": "10.1.0.1", "port": 8080, "verdict": "unknown", "evidence": ""},
                        {"address": "fd00::1", "port": 1, "verdict": "alive", "evidence": "x"}]}])");
  EXPECT_EQ(host.run({"hold", "list", "-o", "name"}).out, "00c0ffee\n");
  const Outcome table = host.run({"hold", "list"});
  EXPECT_EQ(table.code, kOk);
  EXPECT_THAT(
      table.out,
      HasSubstr(
          "00c0ffee  disaster  default/song  open   4        1 alive, 1 unknown  file vanished"));
  EXPECT_THAT(host.run({"hold", "list", "-o", "wide"}).out, HasSubstr("10.1.0.1:8080,[fd00::1]:1"));
}

constexpr const char* kHeld =
    R"([{"id": "00c0ffee", "source": "kube", "service": "default/song", "state": "open",
        "pending": true, "since_seconds": 4, "reason": "absent from a list", "absences": 2,
        "beyond_thresholds": true, "endpoints": [
          {"address": "fd00::1", "port": 80, "protocol": "TCP", "verdict": "alive",
           "evidence": "answered the prober in 3 ms"},
          {"address": "10.1.0.1", "port": 80, "protocol": "TCP", "verdict": "unknown",
           "evidence": ""}]}])";

TEST(Holds, TheTableSaysPendingAndAbsences) {
  Host host;
  host.answers["GET /v1/holds"] = json(kHeld);
  EXPECT_THAT(host.run({"hold", "list"}).out,
              HasSubstr("pending  4        1 alive, 1 unknown  absent from a list; absent from 2 "
                        "complete lists; beyond the thresholds"));
  // Scripts see what the daemon says.
  EXPECT_THAT(host.run({"hold", "list", "-o", "json"}).out,
              AllOf(HasSubstr("\"state\": \"open\""), Not(HasSubstr("verdicts"))));
}

TEST(Holds, Show) {
  Host host;
  host.answers["GET /v1/holds"] = json(kHeld);
  const Outcome shown = host.run({"hold", "show", "00c0ffee"});
  EXPECT_EQ(shown.code, kOk);
  EXPECT_THAT(shown.out, HasSubstr("default/song of source kube, pending for 4 s: absent from a"));
  EXPECT_THAT(shown.out,
              HasSubstr("fd00::1   80    TCP       alive    answered the prober in 3 ms"));
  EXPECT_THAT(host.run({"hold", "show", "00c0ffee", "-o", "json"}).out,
              HasSubstr("\"absences\": 2"));
  const Outcome unknown = host.run({"hold", "show", "7"});
  EXPECT_EQ(unknown.code, kFailed);
  EXPECT_THAT(unknown.err, HasSubstr("no hold 7"));
}

TEST(Holds, AcceptAndReject) {
  Host host;
  host.answers["POST /v1/holds/00c0ffee/accept"] =
      json(R"({"id": "00c0ffee", "state": "accepted"})");
  host.answers["POST /v1/holds/all/reject"] = json(R"({"count": 3})");
  const Outcome accepted = host.run({"accept", "00c0ffee"});
  EXPECT_EQ(accepted.code, kOk);
  EXPECT_EQ(accepted.out, "accepted 00c0ffee\n");
  const Outcome rejected = host.run({"reject", "--all"});
  EXPECT_EQ(rejected.code, kOk);
  EXPECT_EQ(rejected.out, "rejected 3 holds\n");
  const Outcome unknown = host.run({"accept", "7"});
  EXPECT_EQ(unknown.code, kFailed);
  EXPECT_THAT(unknown.err, HasSubstr("no such hold"));
  EXPECT_THAT(host.requests, ElementsAre("POST /v1/holds/00c0ffee/accept",
                                         "POST /v1/holds/all/reject", "POST /v1/holds/7/accept"));
}

TEST(Diff, ExitCodes) {
  Host host;
  host.answers["GET /v1/diff"] = json("[]");
  const Outcome same = host.run({"diff"});
  EXPECT_EQ(same.code, 0);
  EXPECT_THAT(same.out, IsEmpty());
  EXPECT_EQ(host.run({"diff", "-o", "json"}).out, "[]\n");
  host.answers["GET /v1/diff"] = json(
      R"([{"map": "frontends", "key": "10.0.0.1:80/TCP", "desired": "pool 7", "actual": ""}])");
  const Outcome differs = host.run({"diff"});
  EXPECT_EQ(differs.code, 1);
  EXPECT_THAT(differs.out, HasSubstr("frontends  10.0.0.1:80/TCP  pool 7   -"));
  host.answers["GET /v1/diff"] = json(R"({"error": "the maps are not made yet"})", 503);
  const Outcome failed = host.run({"diff"});
  EXPECT_EQ(failed.code, 2);
  EXPECT_THAT(failed.err, HasSubstr("the maps are not made yet"));
}

// No canned edge: the CLI's own client, a real server, a unix socket.
TEST(Daemon, OverARealSocket) {
  Host host;
  boost::asio::io_context loop;
  admin::Server server(loop, [](const admin::Request& request) {
    return request.path == "/v1/status" ? json(status_body(true))
                                        : json("{\"error\": \"no\"}", 404);
  });
  const std::string path = host.directory.file("admin.sock");
  ASSERT_TRUE(server.listen_unix(path));
  std::thread thread([&loop] { loop.run(); });
  std::ostringstream out, err;
  char* none[] = {nullptr};
  const Env env = real_env(out, err, none);
  const std::string config = host.directory.write("c.yaml", "{}");
  const std::vector<std::string> edge = {"--config", config, "--admin-socket", path};
  auto arguments = edge;
  arguments.insert(arguments.end(), {"status", "-o", "json"});
  const int ready = run(env, arguments);
  arguments = edge;
  arguments.insert(arguments.end(), {"hold", "list"});
  const int refused = run(env, arguments);
  loop.stop();
  thread.join();
  server.stop();
  const int dead = run(env, arguments);
  EXPECT_EQ(ready, kOk) << err.str();
  EXPECT_THAT(out.str(), HasSubstr("\"generation\": 12"));
  EXPECT_EQ(refused, kFailed);
  EXPECT_EQ(dead, kNoDaemon);
}

}  // namespace
}  // namespace holdfast::cli::test
