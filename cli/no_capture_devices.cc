// SPDX-License-Identifier: BSD-3-Clause
//
// What a statically linked libpcap asks for besides itself: its means to
// capture from D-Bus. Captures are files here, and D-Bus has no static library
// that links, so that this one finds no device. Where libpcap's own file is
// linked as well, the link fails with a symbol defined twice.

#include <pcap/pcap.h>

extern "C" {

pcap_t* dbus_create(const char* device, char* error, int* is_ours);
int dbus_findalldevs(void* devices, char* error);

pcap_t* dbus_create(const char* /*device*/, char* /*error*/, int* is_ours) {
  *is_ours = 0;
  return nullptr;
}

int dbus_findalldevs(void* /*devices*/, char* /*error*/) { return 0; }

}  // extern "C"
