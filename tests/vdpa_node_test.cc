// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::CodeOf;
using testing_support::TextOf;
using testing_support::VdpaRig;

TEST(VdpaNodeTest, ADeviceOfAnotherClassIsNamed) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.device_class = 2;
  VdpaRig rig(personality);
  const auto made = rig.Create({});
  EXPECT_EQ(CodeOf(made), ErrorCode::kInvalidArgument);
  EXPECT_THAT(TextOf(made), HasSubstr("class 2 (block)"));
  EXPECT_FALSE(rig.vdpa.is_open());
  EXPECT_EQ(rig.device_fds(), 0u);
}

TEST(VdpaNodeTest, ADeviceInUseSaysThatItIsExclusive) {
  VdpaRig rig;
  const auto other = rig.vdpa.Open();
  const auto made = rig.Create({});
  EXPECT_EQ(CodeOf(made), ErrorCode::kRefused);
  EXPECT_THAT(TextOf(made),
              AllOf(HasSubstr("one user at a time"), HasSubstr("EBUSY")));
}

TEST(VdpaNodeTest, WhatCannotBeOpenedNamesTheRemedy) {
  struct Case {
    int error;
    ErrorCode code;
    const char* remedy;
  };
  for (const Case& c :
       {Case{ENOENT, ErrorCode::kDisconnected, "modprobe vhost_vdpa"},
        Case{ENOENT, ErrorCode::kDisconnected, "vdpa dev add"},
        Case{EACCES, ErrorCode::kSystem, "read and write access"},
        Case{EMFILE, ErrorCode::kSystem, "cannot be opened"}}) {
    VdpaRig rig;
    rig.server.FailCall(1, c.error);
    const auto made = rig.Create({});
    EXPECT_EQ(CodeOf(made), c.code);
    EXPECT_THAT(TextOf(made), HasSubstr(c.remedy));
    EXPECT_EQ(rig.device_fds(), 0u);
  }
}

}  // namespace
}  // namespace virtio_user
