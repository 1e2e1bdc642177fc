// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/proc_devices.h"

#include <gtest/gtest.h>

namespace virtio_user {
namespace {

constexpr std::string_view kText =
    "Character devices:\n"
    "  1 mem\n"
    "  4 /dev/vc/0\n"
    " 10 misc\n"
    "508 vhost-vdpa\n"
    "509 vhost-vdpa-other\n"
    "\n"
    "Block devices:\n"
    "  8 sd\n"
    "252 device-mapper\n";

TEST(ProcDevicesTest, ADriverIsFoundByItsWholeName) {
  EXPECT_EQ(CharacterMajor(kText, "vhost-vdpa"), 508u);
  EXPECT_EQ(CharacterMajor(kText, "misc"), 10u);
  EXPECT_EQ(CharacterMajor(kText, "mem"), 1u);
}

TEST(ProcDevicesTest, ADriverThatIsNotListedHasNoMajor) {
  EXPECT_EQ(CharacterMajor(kText, "vhost"), std::nullopt);
  EXPECT_EQ(CharacterMajor("", "vhost-vdpa"), std::nullopt);
}

TEST(ProcDevicesTest, BlockDevicesAreNoCharacterDevices) {
  EXPECT_EQ(CharacterMajor(kText, "sd"), std::nullopt);
}

TEST(ProcDevicesTest, ALastLineWithoutItsEndIsRead) {
  EXPECT_EQ(CharacterMajor("Character devices:\n 7 vhost-vdpa", "vhost-vdpa"),
            7u);
}

TEST(ProcDevicesTest, LinesThatAreNoneAreSkipped) {
  EXPECT_EQ(CharacterMajor("Character devices:\nvhost-vdpa\n99999999999 "
                           "vhost-vdpa\n12\n6 vhost-vdpa\n",
                           "vhost-vdpa"),
            6u);
}

TEST(ProcDevicesTest, TheKernelsOwnListHasTheMemoryDevices) {
  EXPECT_EQ(CharacterMajor(ReadProcDevices(), "mem"), 1u);
}

}  // namespace
}  // namespace virtio_user
