// SPDX-License-Identifier: BSD-3-Clause

#include "tests/tidy/layers.h"

#include "gtest/gtest.h"

namespace tidy {
namespace {

TEST(LayersTest, ALayerIncludesItselfAndWhatIsBelow) {
  EXPECT_TRUE(MayInclude("virtio_user/ring/a.cc", "virtio_user/ring/b.h"));
  EXPECT_TRUE(MayInclude("virtio_user/ring/a.cc", "virtio_user/base/error.h"));
  EXPECT_TRUE(MayInclude("virtio_user/os/a.cc", "virtio_user/vhost_user/b.h"));
}

TEST(LayersTest, TheCoreSeesNeitherTheWireNorTheEdge) {
  for (const char* layer : {"device", "net", "ring"}) {
    const std::string path = std::string("virtio_user/") + layer + "/a.h";
    for (const char* other : {"vhost_user", "os", "dpdk"}) {
      const std::string header = std::string("virtio_user/") + other + "/b.h";
      EXPECT_FALSE(MayInclude(path, header)) << path << " " << header;
    }
  }
}

TEST(LayersTest, TheWireDoesNotSeeTheOperatingSystem) {
  EXPECT_FALSE(MayInclude("virtio_user/vhost_user/a.cc", "virtio_user/os/b.h"));
  EXPECT_FALSE(MayInclude("virtio_user/vhost_user/a.cc", "<sys/socket.h>"));
}

TEST(LayersTest, TheGroundStandsOnNothing) {
  EXPECT_FALSE(MayInclude("virtio_user/base/a.h", "virtio_user/spec/ring.h"));
  EXPECT_FALSE(MayInclude("virtio_user/spec/a.h", "virtio_user/base/error.h"));
}

TEST(LayersTest, ProductionNeverSeesItsJudges) {
  for (const char* header :
       {"backend_sim/entropy.h", "tests/x.h", "cli/x.h", "gtest/gtest.h",
        "<fmt/format.h>", "<nlohmann/json.hpp>"}) {
    EXPECT_FALSE(MayInclude("virtio_user/os/a.cc", header)) << header;
  }
}

TEST(LayersTest, SystemHeadersBelongToTheEdgeAndToPosixFdOps) {
  EXPECT_FALSE(MayInclude("virtio_user/base/log.cc", "<unistd.h>"));
  EXPECT_FALSE(MayInclude("virtio_user/device/a.cc", "<linux/vhost.h>"));
  EXPECT_TRUE(MayInclude("virtio_user/base/posix_fd_ops.cc", "<unistd.h>"));
  EXPECT_TRUE(MayInclude("virtio_user/os/a.cc", "<poll.h>"));
  EXPECT_TRUE(MayInclude("virtio_user/device/a.cc", "<vector>"));
}

TEST(LayersTest, DpdkHeadersBelongToTheDpdkLayer) {
  EXPECT_FALSE(MayInclude("virtio_user/os/a.cc", "<rte_mbuf.h>"));
  EXPECT_TRUE(MayInclude("virtio_user/dpdk/a.cc", "<rte_mbuf.h>"));
}

}  // namespace
}  // namespace tidy
