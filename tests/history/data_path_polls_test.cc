// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that drivers have made with packets, which no other test of the data
// path tells by name. docs/history.md tells each.

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/net_support.h"

namespace virtio_user {
namespace {

TEST(HistoryTest, D02_WhatTheDeviceHasUsedIsLookedForOnEveryPoll) {
  for (const NetLayout& layout : AllLayouts()) {
    SCOPED_TRACE(layout.name);
    Receiver rx({.features = layout.features});
    Sender tx({.num = 8, .buffer_count = 16, .features = layout.features});
    for (uint64_t i = 0; i < 40; ++i) {
      ASSERT_TRUE(Poll(rx, *rx.queue).empty());
      ASSERT_TRUE(rx.Give(MakeFrame(60, i)));
      ASSERT_EQ(Poll(rx, *rx.queue), std::vector<Bytes>{MakeFrame(60, i)});

      ASSERT_EQ(tx.queue->Complete(8), 0u);
      ASSERT_TRUE(tx.Send(MakeFrame(60, i)));
      ASSERT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, i)));
      ASSERT_EQ(tx.queue->Complete(8), 1u);
    }
  }
}

}  // namespace
}  // namespace virtio_user
