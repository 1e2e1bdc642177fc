// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/pmd_args.h"

#include <gtest/gtest.h>

namespace virtio_user {
namespace {

TEST(PmdArgsTest, APathIsEnough) {
  const auto args = ParsePmdArgs("path=/tmp/v.sock");
  ASSERT_TRUE(args.has_value()) << args.error().text();
  EXPECT_EQ(args->backend.path, "/tmp/v.sock");
  EXPECT_EQ(args->backend.role, SocketRole::kClient);
  EXPECT_EQ(args->device.queue_pairs, 1);
  EXPECT_EQ(args->device.queue_size, 256);
  EXPECT_FALSE(args->device.mac.has_value());
  EXPECT_TRUE(args->device.mrg_rxbuf);
  EXPECT_TRUE(args->device.in_order);
  EXPECT_FALSE(args->device.packed);
  EXPECT_FALSE(args->device.control_queue);
}

TEST(PmdArgsTest, EveryKeyIsRead) {
  const auto args = ParsePmdArgs(
      "path=s,queues=4,queue_size=1025,mac=02:00:00:00:00:07,mrg_rxbuf=0,"
      "in_order=0,packed_vq=1,cq=1,server=1,timeout=9");
  ASSERT_TRUE(args.has_value()) << args.error().text();
  EXPECT_EQ(args->backend.role, SocketRole::kServer);
  EXPECT_EQ(args->device.queue_pairs, 4);
  EXPECT_EQ(args->device.queue_size, 1025);
  EXPECT_EQ(args->device.mac->bytes[5], 7);
  EXPECT_FALSE(args->device.mrg_rxbuf);
  EXPECT_FALSE(args->device.in_order);
  EXPECT_TRUE(args->device.packed);
  EXPECT_TRUE(args->device.control_queue);
  EXPECT_EQ(args->device.call_budget, std::chrono::seconds(9));
}

TEST(PmdArgsTest, SeveralPairsIncludeTheControlQueue) {
  EXPECT_TRUE(ParsePmdArgs("path=s,queues=2")->device.control_queue);
}

TEST(PmdArgsTest, AServerHasTimeToWaitForItsPeer) {
  EXPECT_GT(ParsePmdArgs("path=s,server=1")->device.call_budget,
            ParsePmdArgs("path=s")->device.call_budget);
}

TEST(PmdArgsTest, WhatIsWrongIsRefusedByName) {
  constexpr struct {
    const char* text;
    std::string_view said;
  } kCases[] = {
      {"", "path"},
      {"queues=1", "path"},
      {"path=", "path"},
      {"path=a,path=b", "path"},
      {"path=s,queues=1,queues=2", "queues"},
      {"path=s,queues=many", "queues=many"},
      {"path=s,queues=2x", "queues=2x"},
      {"path=s,queue_size=", "queue_size="},
      {"path=s,mac=nonsense", "nonsense"},
      {"path=s,mrg_rxbuf=2", "mrg_rxbuf=2"},
      {"path=s,packed_vq=yes", "packed_vq=yes"},
      {"path=s,timeout=0", "timeout=0"},
      {"path=s,colour=red", "\"colour\" is no argument"},
      {"path=/a/path/that/is/longer/than/what/an/error/message/shows,queue=4",
       "\"queue\" is no argument"},
      {"path", "path"},
      {"path=s,server", "server has no value"},
      {"path=s,queues,queue_size=4", "queues has no value"},
      {"path=s,queues=99999999999999999999", "queues=99999999999999999999"},
      {"path=s,server= 1", "server= 1"},
      {"path=s,timeout=3601", "timeout=3601"},
      {"path=s,mac=02:00:00:00:00", "02:00:00:00:00"},
      {"path=s,=4", "\"\" is no argument"},
  };
  for (const auto& [text, said] : kCases) {
    const auto args = ParsePmdArgs(text);
    ASSERT_FALSE(args.has_value()) << text;
    EXPECT_EQ(args.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(args.error().text().find(said), std::string_view::npos)
        << text << " gave: " << args.error().text();
  }
}

}  // namespace
}  // namespace virtio_user
