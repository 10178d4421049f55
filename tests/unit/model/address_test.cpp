// SPDX-License-Identifier: Apache-2.0
#include "agent/model/address.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

namespace holdfast {
namespace {

IpAddress ip(const char* text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress{});
}

TEST(Parse, TakesBothFamiliesInOneForm) {
  EXPECT_EQ(ip("10.0.0.1"), ip("::ffff:10.0.0.1"));
  EXPECT_EQ(ip("10.0.0.1"), ip("::FFFF:a00:1"));
  EXPECT_EQ(ip("10.0.0.1").family(), 4);
  EXPECT_EQ(ip("fd00::1").family(), 6);
  EXPECT_EQ(ip("::10.0.0.1").family(), 6) << "v4-compatible is not v4-mapped";
  const std::array<std::uint8_t, 16> expected = {0, 0, 0,    0,    0,  0, 0, 0,
                                                 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  EXPECT_EQ(ip("10.0.0.1").bytes, expected);
}

TEST(Parse, RefusesWhatOthersReadInTwoWays) {
  for (const char* text : {"",
                           " ",
                           "10.0.0",
                           "10.0.0.1 ",
                           " 10.0.0.1",
                           "10.0.0.256",
                           "0x0a.0.0.1",
                           "167772161",
                           "10.0.0.1/32",
                           "10.0.0.1:80",
                           "[::1]",
                           "fe80::1%eth0",
                           "::1::",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "12345::",
                           ":::",
                           "song",
                           "1.2.3.4.5",
                           "0000:0000:0000:0000:0000:ffff:255.255.255.2550"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0", 9)));
}

// As kube-proxy reads objects that are older than the rule against them.
TEST(Parse, ReadsLeadingZerosAsDecimal) {
  EXPECT_EQ(ip("172.030.099.099"), ip("172.30.99.99"));
  EXPECT_EQ(ip("010.0.0.01"), ip("10.0.0.1"));
  EXPECT_EQ(ip("0010.000.00.08"), ip("10.0.0.8")) << "08 is no octal number either";
  EXPECT_EQ(ip("::ffff:010.0.0.1"), ip("10.0.0.1"));
  EXPECT_EQ(ip("0fd00:0000:00000::00001"), ip("fd00::1"));
  EXPECT_EQ(ip("0.0.0.0"), ip("000.000.000.000"));
  EXPECT_EQ(ip("100.200.0.10").to_string(), "100.200.0.10") << "zeros that lead nothing";
  for (const char* text : {"0256.0.0.1", "010.0.0", "0x0a.0.0.1", "012345::"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(Forbidden, IsWhatBelongsToTheHostTheLinkOrNobody) {
  for (const char* text :
       {"0.0.0.0", "::", "127.0.0.1", "::1", "169.254.1.1", "fe80::1", "224.0.0.1", "ff02::1",
        "255.255.255.255", "::ffff:127.0.0.1", "::ffff:255.255.255.255"})
    EXPECT_NE(ip(text).forbidden(), "") << text;
  for (const char* text : {"10.0.0.1", "255.255.255.254", "240.0.0.1", "fd00::1", "2001:db8::1"})
    EXPECT_EQ(ip(text).forbidden(), "") << text;
}

struct Is {
  const char* text;
  bool unspecified, loopback, link_local, multicast;
};

class Class : public testing::TestWithParam<Is> {};

TEST_P(Class, IsThatOfTheRange) {
  const Is& is = GetParam();
  const IpAddress address = ip(is.text);
  EXPECT_EQ(address.is_unspecified(), is.unspecified);
  EXPECT_EQ(address.is_loopback(), is.loopback);
  EXPECT_EQ(address.is_link_local(), is.link_local);
  EXPECT_EQ(address.is_multicast(), is.multicast);
}

// The first and the last of each range, and its neighbours outside.
INSTANTIATE_TEST_SUITE_P(
    Ranges, Class,
    testing::Values(
        Is{"0.0.0.0", true, false, false, false}, Is{"::", true, false, false, false},
        Is{"::ffff:0.0.0.0", true, false, false, false}, Is{"0.0.0.1", false, false, false, false},
        Is{"127.0.0.0", false, true, false, false},
        Is{"127.255.255.255", false, true, false, false},
        Is{"126.255.255.255", false, false, false, false},
        Is{"128.0.0.0", false, false, false, false}, Is{"::1", false, true, false, false},
        Is{"::2", false, false, false, false}, Is{"100::1", false, false, false, false},
        Is{"::ffff:127.0.0.1", false, true, false, false},
        Is{"169.254.0.0", false, false, true, false},
        Is{"169.254.255.255", false, false, true, false},
        Is{"169.253.255.255", false, false, false, false},
        Is{"169.255.0.0", false, false, false, false}, Is{"fe80::", false, false, true, false},
        Is{"febf:ffff::", false, false, true, false}, Is{"fec0::", false, false, false, false},
        Is{"fe7f:ffff::", false, false, false, false}, Is{"224.0.0.0", false, false, false, true},
        Is{"239.255.255.255", false, false, false, true},
        Is{"223.255.255.255", false, false, false, false},
        Is{"240.0.0.0", false, false, false, false}, Is{"ff00::", false, false, false, true},
        Is{"ff02::1", false, false, false, true}, Is{"fdff::", false, false, false, false}));

TEST(Text, IsThatOfRfc5952) {
  EXPECT_EQ(ip("2001:DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
  EXPECT_EQ(ip("2001:db8:0:1:0:0:0:1").to_string(), "2001:db8:0:1::1");
  EXPECT_EQ(ip("2001:db8:0:1:1:1:1:1").to_string(), "2001:db8:0:1:1:1:1:1")
      << "one group of zeros is not shortened";
  EXPECT_EQ(ip("1:0:0:2:0:0:0:3").to_string(), "1:0:0:2::3") << "the longest run is";
  EXPECT_EQ(ip("::").to_string(), "::");
  EXPECT_EQ(ip("::ffff:1.2.3.4").to_string(), "1.2.3.4");
  EXPECT_EQ(format_host_port(ip("1.2.3.4"), 80), "1.2.3.4:80");
  EXPECT_EQ(format_host_port(ip("::1"), 65535), "[::1]:65535");
}

TEST(Order, IsThatOfTheBytes) {
  EXPECT_LT(ip("9.255.255.255"), ip("10.0.0.0"));
  EXPECT_LT(ip("10.0.0.9"), ip("10.0.0.10")) << "not that of the texts";
  EXPECT_LT(ip("255.255.255.255"), ip("2000::"));
}

RC_GTEST_PROP(Text, GivesTheAddressBack, ()) {
  IpAddress address;
  address.bytes =
      *rc::gen::container<std::array<std::uint8_t, 16>>(rc::gen::weightedOneOf<std::uint8_t>(
          {{3, rc::gen::just(std::uint8_t{0})}, {2, rc::gen::arbitrary<std::uint8_t>()}}));
  if (*rc::gen::arbitrary<bool>()) {
    std::fill(address.bytes.begin(), address.bytes.begin() + 10, std::uint8_t{0});
    address.bytes[10] = address.bytes[11] = 0xff;
  }
  const auto again = IpAddress::parse(address.to_string());
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == address);
  RC_ASSERT(IpAddress::from_abi(address.to_abi()) == address);
}

RC_GTEST_PROP(Parse, AnswersAnyText, (const std::string& text)) {
  if (const auto address = IpAddress::parse(text)) {
    RC_ASSERT(IpAddress::parse(address->to_string()) == address);
  }
}

TEST(Ports, HaveTheirHighByteFirstInNetworkOrder) {
  const std::uint16_t port = net_port(0x1f90);
  std::array<std::uint8_t, 2> bytes{};
  std::memcpy(bytes.data(), &port, sizeof port);
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 2>{0x1f, 0x90}));
  EXPECT_EQ(host_port(port), 0x1f90);
}

TEST(Protocols, HaveTheNamesOfKubernetes) {
  for (const Protocol one : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
    EXPECT_EQ(parse_protocol(to_string(one)), one);
  }
  EXPECT_EQ(parse_protocol("udp"), Protocol::udp);
  EXPECT_EQ(static_cast<int>(Protocol::sctp), 132) << "IANA's numbers are in the maps";
  for (const char* text : {"", "TCP ", "ICMP", "6", "TC"})
    EXPECT_FALSE(parse_protocol(text)) << text;
}

}  // namespace
}  // namespace holdfast
