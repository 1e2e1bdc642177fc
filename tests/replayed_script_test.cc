// SPDX-License-Identifier: BSD-3-Clause

#include <gtest/gtest.h>

#include "backend_sim/simulation/script.h"
#include "backend_sim/simulation/simulation.h"

namespace backend_sim {
namespace {

TEST(Replay, RestartWithTraffic) {
  const auto script = ScriptFromText(R"(
# vuser replay script
set backend conforming
set pairs 2
create
negotiate
configure a=2
start
command b=2
transmit b=3 salt=1
serve a=3
receive b=7
complete
stop
start
transmit a=1 b=3 salt=2
serve a=3
receive a=1 b=7
stop
destroy
)");
  ASSERT_TRUE(script.has_value()) << script.error();

  EXPECT_EQ(RunScript(*script).FirstText(), "");
}

}  // namespace
}  // namespace backend_sim
