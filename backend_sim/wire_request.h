// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_WIRE_REQUEST_H_
#define BACKEND_SIM_WIRE_REQUEST_H_

#include <cstdint>

namespace backend_sim {

// Numbers of the requests of a front-end ("Front-end message types").
enum WireRequest : uint32_t {
  kReqGetFeatures = 1,
  kReqSetFeatures = 2,
  kReqSetOwner = 3,
  kReqResetOwner = 4,
  kReqSetMemTable = 5,
  kReqSetLogBase = 6,
  kReqSetLogFd = 7,
  kReqSetVringNum = 8,
  kReqSetVringAddr = 9,
  kReqSetVringBase = 10,
  kReqGetVringBase = 11,
  kReqSetVringKick = 12,
  kReqSetVringCall = 13,
  kReqSetVringErr = 14,
  kReqGetProtocolFeatures = 15,
  kReqSetProtocolFeatures = 16,
  kReqGetQueueNum = 17,
  kReqSetVringEnable = 18,
  kReqSendRarp = 19,
  kReqNetSetMtu = 20,
  kReqSetBackendReqFd = 21,
  kReqIotlbMsg = 22,
  kReqSetVringEndian = 23,
  kReqGetConfig = 24,
  kReqSetConfig = 25,
  kReqCreateCryptoSession = 26,
  kReqCloseCryptoSession = 27,
  kReqPostcopyAdvise = 28,
  kReqPostcopyListen = 29,
  kReqPostcopyEnd = 30,
  kReqGetInflightFd = 31,
  kReqSetInflightFd = 32,
  kReqGpuSetSocket = 33,
  kReqResetDevice = 34,
  kReqVringKick = 35,
  kReqGetMaxMemSlots = 36,
  kReqAddMemReg = 37,
  kReqRemMemReg = 38,
  kReqSetStatus = 39,
  kReqGetStatus = 40,
  kReqGetSharedObject = 41,
  kReqSetDeviceStateFd = 42,
  kReqCheckDeviceState = 43,
  kReqGetShmemConfig = 44,
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_WIRE_REQUEST_H_
