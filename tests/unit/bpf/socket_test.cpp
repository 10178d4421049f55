// SPDX-License-Identifier: Apache-2.0
// bpf/lib/outcome.h: when a handle still holds, when a peer is ours, and how an attempt ended.
#include "bpf/lib/outcome.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

struct SocketState : testing::Test {
  SocketState() {
    endpoint.addr.word[2] = HF_V4_MAPPED_WORD;
    endpoint.addr.word[3] = 0x0101000a;
    endpoint.port = 0x901f;
    endpoint.incarnation = 3;
    socket.flags = HF_SOCKET_LIVE;
    socket.incarnation = 3;
    sight.peer = endpoint.addr;
    sight.port = endpoint.port;
    sight.state = 1;  // ESTABLISHED
    sight.srtt_us = 120;
    sight.rcv_nxt = 0xdeadbeef;
    sight.segment_at = kDialled + 1'000'000;
  }
  std::uint32_t outcome() const { return hf_outcome_of(&sight, &endpoint, kDialled); }

  static constexpr std::uint64_t kDialled = 5'000'000'000;
  hf_endpoint endpoint{};
  hf_socket socket{};
  hf_sight sight{};
};

TEST_F(SocketState, AHandleHoldsWhileTheIncarnationIsTheSame) {
  EXPECT_TRUE(hf_handle_valid(&socket, &endpoint));
  endpoint.incarnation = 4;
  EXPECT_FALSE(hf_handle_valid(&socket, &endpoint));
}

TEST_F(SocketState, ARetiredEndpointIsNobodys) {
  endpoint.incarnation = 0;
  socket.incarnation = 0;
  EXPECT_FALSE(hf_handle_valid(&socket, &endpoint));
}

TEST_F(SocketState, AStateThatWasSettledMeansNothing) {
  socket.flags = 0;
  EXPECT_FALSE(hf_handle_valid(&socket, &endpoint));
  socket.flags = HF_SOCKET_BYPASS;
  EXPECT_FALSE(hf_handle_valid(&socket, &endpoint));
}

TEST_F(SocketState, APeerIsTheEndpointOnlyInEveryWordAndThePort) {
  EXPECT_TRUE(hf_peer_is_endpoint(&socket, &endpoint, &sight.peer, sight.port));
  for (auto& word : sight.peer.word) {
    word ^= 1;
    EXPECT_FALSE(hf_peer_is_endpoint(&socket, &endpoint, &sight.peer, sight.port));
    word ^= 1;
  }
  sight.port ^= 0x100;
  EXPECT_FALSE(hf_peer_is_endpoint(&socket, &endpoint, &sight.peer, sight.port));
}

TEST_F(SocketState, ARoundTripOrThePeersNumberIsAHandshake) {
  EXPECT_EQ(outcome(), HF_OUTCOME_ESTABLISHED);
  sight.srtt_us = 0;  // a disconnect forgets the round trip only
  EXPECT_EQ(outcome(), HF_OUTCOME_ESTABLISHED);
  sight.rcv_nxt = 0;
  sight.srtt_us = 1;
  EXPECT_EQ(outcome(), HF_OUTCOME_ESTABLISHED);
}

TEST_F(SocketState, WithoutAHandshakeTheStateTellsFailedFromGivenUp) {
  sight.srtt_us = 0;
  sight.rcv_nxt = 0;
  sight.state = 7;  // CLOSE
  EXPECT_EQ(outcome(), HF_OUTCOME_FAILED);
  sight.state = HF_TCP_SYN_SENT;
  EXPECT_EQ(outcome(), HF_OUTCOME_ABANDONED);
}

TEST_F(SocketState, AnotherPeerIsForeignWhateverElseItShows) {
  sight.peer.word[3] ^= 1;
  EXPECT_EQ(outcome(), HF_OUTCOME_FOREIGN);
  sight.peer = endpoint.addr;
  sight.port ^= 1;
  EXPECT_EQ(outcome(), HF_OUTCOME_FOREIGN);
}

TEST_F(SocketState, ADisconnectedSocketsPeerIsNotCompared) {
  sight.port = 0;
  sight.peer.word[3] = 0;
  EXPECT_EQ(outcome(), HF_OUTCOME_ESTABLISHED);
}

// What it shows is of the attempt before, which sent its last segment before this one was dialled.
TEST_F(SocketState, ASocketThatSentNothingSinceSaysNothingOfTheEndpoint) {
  sight.srtt_us = 0;
  sight.port = 0;
  sight.segment_at = kDialled - 1;
  EXPECT_EQ(outcome(), HF_OUTCOME_UNSENT);
  sight.rcv_nxt = 0;
  EXPECT_EQ(outcome(), HF_OUTCOME_UNSENT);
  sight.state = HF_TCP_SYN_SENT;  // TCP_FASTOPEN_CONNECT, closed before a byte was written
  sight.port = endpoint.port;
  EXPECT_EQ(outcome(), HF_OUTCOME_UNSENT);
  sight.segment_at = kDialled;
  EXPECT_EQ(outcome(), HF_OUTCOME_ABANDONED);
}

TEST_F(SocketState, WhoConnectedElsewhereIsForeignThoughNothingWasSent) {
  sight.srtt_us = 0;
  sight.segment_at = 0;
  sight.port ^= 1;
  EXPECT_EQ(outcome(), HF_OUTCOME_FOREIGN);
}

TEST(Failure, RefusedAndTimedOutAreToldApartByTime) {
  EXPECT_EQ(hf_failure_of(0), HF_FAILURE_REFUSED);
  EXPECT_EQ(hf_failure_of(HF_REFUSED_WITHIN_NS - 1), HF_FAILURE_REFUSED);
  EXPECT_EQ(hf_failure_of(HF_REFUSED_WITHIN_NS), HF_FAILURE_TIMED_OUT);
  EXPECT_EQ(hf_failure_of(127'000'000'000ull), HF_FAILURE_TIMED_OUT);
}

// --- failures in a row ---------------------------------------------------------------------------

constexpr std::uint32_t kIncarnation = 6;

struct FailuresInARow : testing::Test {
  void fail(std::uint32_t at, std::uint32_t kind = HF_FAILURE_REFUSED) {
    word = hf_failure_after_failure(word, incarnation, kind, at, handshake_at);
  }
  void shake_hands(std::uint32_t dialled_at) {
    handshake_at = std::max(handshake_at, dialled_at);
    word = hf_failure_after_handshake(word, incarnation, dialled_at);
  }
  std::uint32_t row() const { return hf_failures_in_row(word, incarnation); }

  std::uint32_t word = 0, handshake_at = 0, incarnation = kIncarnation;
};

TEST_F(FailuresInARow, AreCountedWithTheLastOnesKindAndTime) {
  fail(100);
  fail(105, HF_FAILURE_TIMED_OUT);
  EXPECT_EQ(row(), 2u);
  EXPECT_EQ(hf_failure_at(word), 105u);
  EXPECT_EQ(hf_failure_kind(word), HF_FAILURE_TIMED_OUT);
}

TEST_F(FailuresInARow, EndWithAHandshakeDialledAfterwards) {
  fail(100);
  shake_hands(100);  // in the same unit: it cannot be told which was first
  EXPECT_EQ(row(), 0u);
  EXPECT_EQ(hf_failure_kind(word), HF_FAILURE_REFUSED);
  EXPECT_EQ(hf_failure_at(word), 100u);
  fail(101);
  EXPECT_EQ(row(), 1u);
}

// All connections that an endpoint had end when it dies.
TEST_F(FailuresInARow, GoOnWhenAnOlderConnectionEnds) {
  fail(100);
  fail(101);
  shake_hands(100);
  EXPECT_EQ(row(), 2u);
}

// The application kept the socket of a refused connect, and closes it after a good one.
TEST_F(FailuresInARow, DoNotGrowByOneFromBeforeAHandshake) {
  shake_hands(200);
  fail(150);
  EXPECT_EQ(row(), 0u);
  fail(200);
  EXPECT_EQ(row(), 1u);
}

TEST_F(FailuresInARow, KeepTheLatestTime) {
  fail(300);
  fail(290);
  EXPECT_EQ(row(), 2u);
  EXPECT_EQ(hf_failure_at(word), 300u);
}

TEST_F(FailuresInARow, BeginAnewWithAnotherEndpointUnderTheId) {
  fail(100);
  fail(101);
  incarnation = kIncarnation + 1;
  EXPECT_EQ(row(), 0u);
  fail(102);
  EXPECT_EQ(row(), 1u);
  incarnation = kIncarnation;
  EXPECT_EQ(row(), 0u);
}

TEST_F(FailuresInARow, StopAtFifteen) {
  for (std::uint32_t at = 0; at < 40; ++at) fail(at);
  EXPECT_EQ(row(), HF_FAILURE_ROW_MASK);
  EXPECT_EQ(hf_failure_at(word), 39u);
  EXPECT_EQ(hf_failure_kind(word), HF_FAILURE_REFUSED);
}

// After 208 days of a machine that is up.
TEST_F(FailuresInARow, GoOnWhereTheTimeBeginsAnew) {
  fail(HF_FAILURE_AT_MASK);
  fail(HF_FAILURE_AT_MASK + 2);
  EXPECT_EQ(row(), 2u);
  EXPECT_EQ(hf_failure_at(word), 1u);
  shake_hands(HF_FAILURE_AT_MASK);
  EXPECT_EQ(row(), 2u);
  shake_hands(HF_FAILURE_AT_MASK + 3);
  EXPECT_EQ(row(), 0u);
}

TEST(NoFailure, IsEndedByNoHandshake) {
  EXPECT_EQ(hf_failure_after_handshake(0, kIncarnation, 5), 0u);
}

}  // namespace
