// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a front-end sends, in whatever pieces and order, with whatever
// descriptors, and whatever it writes into its memory meanwhile: our server
// answers as the protocol has it or ends the session and says why, writes
// where it was told to alone, and leaves no descriptor and no mapping.

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/front_end_input.h"
#include "fuzz/watched_server.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::FrontEndInput input =
      fuzz::FrontEndInputOf(std::as_bytes(std::span(data, size)));
  fuzz::WatchedServer server(input.server);
  for (const fuzz::FrontEndAction& action : input.actions) server.Do(action);
  server.End();
  return 0;
}
