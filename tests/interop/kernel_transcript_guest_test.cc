// SPDX-License-Identifier: BSD-3-Clause
//
// What the real kernel is asked and answers, call by call, against what the
// simulated one was: the same session on both.

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/fakes/vdpa_rig.h"
#include "tests/fakes/vhost_net_rig.h"
#include "tests/interop/guest.h"
#include "tests/interop/kernel_session.h"
#include "tests/support/temp_dir.h"

namespace interop {
namespace {

using backend_sim::VdpaPersonality;
using virtio_user::Result;

// As kernel_session_main.cc has it: one region from the start.
std::string OnSimulatedVhostNet(uint16_t pairs) {
  testing_support::VhostNetRig rig({.memory = {.initial_regions = 1}});
  if (!rig.Create(pairs)) return "not created";
  backend_sim::SimRegionId region = 0;
  return Play(
      {.device = *rig.device,
       .driver = *rig.driver,
       .pairs = pairs,
       .add_memory = [&]() -> Result<void> {
         const auto added = rig.world.memory().AddRegion(1 << 16);
         if (!added) return virtio_user::Fail(added);
         region = *added;
         return {};
       },
       .remove_memory = [&] { return rig.world.memory().RemoveRegion(region); },
       .take_calls = [&] { return rig.TakeTranscript(); }});
}

// drivers/vdpa/vdpa_sim: MSG_V2, BATCH, ASID, SUSPEND and what is not spoken;
// a control queue in a group of its own, and two address spaces.
VdpaPersonality VdpaSimNet() {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.features = 0x308830028;
  personality.backend_features = 0x17e;
  personality.max_num = 256;
  personality.config.resize(24);
  personality.address_spaces = 2;
  personality.control_group = 1;
  personality.sees_late_enable = true;
  return personality;
}

std::string OnSimulatedVdpa(const VdpaPersonality& personality) {
  testing_support::VdpaRig rig(
      personality, {.initial_regions = 1, .region_bytes = size_t{1} << 20});
  if (!rig.Create({.control_queue = true})) return "not created";
  backend_sim::SimRegionId region = 0;
  return Play({.device = *rig.device,
               .driver = *rig.driver,
               .add_memory = [&]() -> Result<void> {
                 const auto added = rig.memory.AddRegion(1 << 16);
                 if (!added) return virtio_user::Fail(added);
                 region = *added;
                 return {};
               },
               .remove_memory = [&] { return rig.memory.RemoveRegion(region); },
               .take_calls =
                   [&] {
                     std::string text;
                     for (const auto& line : rig.calls.Take())
                       text += line + "\n";
                     return text;
                   }});
}

class KernelTranscriptGuestTest : public testing::Test {
 protected:
  // Plays the session in a guest, and once more under strace; why not where
  // none can run. The test fails unless both come to their end.
  std::optional<std::string> PlayIn(const GuestOptions& guest,
                                    const std::string& before,
                                    const std::string& session) {
    const testing_support::TempDir folder;
    GuestOptions options = guest;
    options.folder = folder.path();
    options.programs = {"tests/interop/kernel_session"};
    options.commands = {before, session, "kernel_calls " + session};
    const GuestReport report = RunGuest(options);
    if (report.why_not) return report.why_not;
    EXPECT_EQ(report.outcomes.size(), 3u) << report.trouble;
    for (const GuestOutcome& outcome : report.outcomes) {
      EXPECT_EQ(outcome.exit_code, 0) << outcome.command << ":\n"
                                      << outcome.output << report.trouble;
    }
    if (report.outcomes.size() == 3) {
      told_ = report.outcomes[1].output;
      seen_ = report.outcomes[2].output;
    }
    return std::nullopt;
  }

  std::string told_;  // By the session itself.
  std::string seen_;  // By strace.
};

class VhostNetTranscriptTest : public KernelTranscriptGuestTest,
                               public testing::WithParamInterface<uint16_t> {};

TEST_P(VhostNetTranscriptTest, TheSimulatedKernelAnswersAsTheRealOne) {
  const auto why_not =
      PlayIn({.name = "debian12"}, "modprobe -a vhost_net tun",
             "kernel_session /dev/vhost-net " + std::to_string(GetParam()));
  if (why_not) GTEST_SKIP() << *why_not;
  EXPECT_EQ(Essence(told_), Essence(OnSimulatedVhostNet(GetParam())));
  EXPECT_EQ(WithoutArguments(told_), WithoutArguments(seen_));
}

INSTANTIATE_TEST_SUITE_P(Pairs, VhostNetTranscriptTest,
                         testing::Values(uint16_t{1}, uint16_t{4}),
                         testing::PrintToStringParamName());

TEST_F(KernelTranscriptGuestTest, TheSimulatedVduseAnswersAsTheRealOne) {
  const auto why_not =
      PlayIn({.name = "debian13", .megabytes = 1024}, "vduse_device",
             "kernel_session /dev/vhost-vdpa-0");
  if (why_not) GTEST_SKIP() << *why_not;
  EXPECT_EQ(Essence(told_), Essence(OnSimulatedVdpa(VdpaPersonality::Vduse())));
  EXPECT_EQ(NamesAndAnswers(told_), NamesAndAnswers(seen_));
  EXPECT_NE(NamesAndAnswers(seen_).find("IOTLB UPDATE = 0"), std::string::npos);
}

TEST_F(KernelTranscriptGuestTest, TheSimulatedVdpaSimNetAnswersAsTheRealOne) {
  const auto why_not = PlayIn({.name = "debian13"}, "sim_device",
                              "kernel_session /dev/vhost-vdpa-0");
  if (why_not) GTEST_SKIP() << *why_not;
  EXPECT_EQ(Essence(told_), Essence(OnSimulatedVdpa(VdpaSimNet())));
  EXPECT_EQ(NamesAndAnswers(told_), NamesAndAnswers(seen_));
}

}  // namespace
}  // namespace interop
