// SPDX-License-Identifier: Apache-2.0
// bpf/lib/socket.h: when a handle still holds, when a peer is ours, and how an attempt ended.
#include "bpf/lib/socket.h"

#include <gtest/gtest.h>

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

}  // namespace
