// SPDX-License-Identifier: BSD-3-Clause

#include <linux/vhost.h>

#include "tests/uapi_constants.h"

#define NAMED(constant) {#constant, constant}
#define SIZE(type) {"sizeof " #type, sizeof(struct type)}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct UapiConstant kUapiVdpaRequests[] = {
    NAMED(VHOST_GET_FEATURES),
    NAMED(VHOST_SET_FEATURES),
    NAMED(VHOST_SET_OWNER),
    NAMED(VHOST_SET_VRING_NUM),
    NAMED(VHOST_SET_VRING_ADDR),
    NAMED(VHOST_SET_VRING_BASE),
    NAMED(VHOST_GET_VRING_BASE),
    NAMED(VHOST_SET_VRING_KICK),
    NAMED(VHOST_SET_VRING_CALL),
    NAMED(VHOST_SET_BACKEND_FEATURES),
    NAMED(VHOST_GET_BACKEND_FEATURES),
    NAMED(VHOST_VDPA_GET_DEVICE_ID),
    NAMED(VHOST_VDPA_GET_STATUS),
    NAMED(VHOST_VDPA_SET_STATUS),
    NAMED(VHOST_VDPA_GET_CONFIG),
    NAMED(VHOST_VDPA_SET_CONFIG),
    NAMED(VHOST_VDPA_SET_VRING_ENABLE),
    NAMED(VHOST_VDPA_GET_VRING_NUM),
    NAMED(VHOST_VDPA_SET_CONFIG_CALL),
    NAMED(VHOST_VDPA_GET_IOVA_RANGE),
#ifdef VHOST_VDPA_GET_CONFIG_SIZE
    NAMED(VHOST_VDPA_GET_CONFIG_SIZE),
#endif
#ifdef VHOST_VDPA_GET_AS_NUM
    NAMED(VHOST_VDPA_GET_AS_NUM),
    NAMED(VHOST_VDPA_GET_VRING_GROUP),
    NAMED(VHOST_VDPA_SET_GROUP_ASID),
#endif
#ifdef VHOST_VDPA_SUSPEND
    NAMED(VHOST_VDPA_SUSPEND),
#endif
};
const size_t kUapiVdpaRequestCount = COUNT(kUapiVdpaRequests);

const struct UapiConstant kUapiVdpaNumbers[] = {
    SIZE(vhost_vring_state),
    SIZE(vhost_vring_file),
    SIZE(vhost_vring_addr),
    {"sizeof vhost_vdpa_config", offsetof(struct vhost_vdpa_config, buf)},
    SIZE(vhost_vdpa_iova_range),
    SIZE(vhost_msg_v2),
    {"vhost_msg_v2.asid", offsetof(struct vhost_msg_v2, asid)},
    {"vhost_msg_v2.iova", offsetof(struct vhost_msg_v2, iotlb.iova)},
    {"vhost_msg_v2.size", offsetof(struct vhost_msg_v2, iotlb.size)},
    {"vhost_msg_v2.uaddr", offsetof(struct vhost_msg_v2, iotlb.uaddr)},
    {"vhost_msg_v2.perm", offsetof(struct vhost_msg_v2, iotlb.perm)},
    {"vhost_msg_v2.type", offsetof(struct vhost_msg_v2, iotlb.type)},
    SIZE(vhost_msg),
    {"vhost_msg.iova", offsetof(struct vhost_msg, iotlb.iova)},
    {"vhost_vring_addr.desc",
     offsetof(struct vhost_vring_addr, desc_user_addr)},
    {"vhost_vring_addr.used",
     offsetof(struct vhost_vring_addr, used_user_addr)},
    {"vhost_vring_addr.avail",
     offsetof(struct vhost_vring_addr, avail_user_addr)},
    NAMED(VHOST_IOTLB_MSG),
    NAMED(VHOST_IOTLB_MSG_V2),
    NAMED(VHOST_ACCESS_RW),
    NAMED(VHOST_IOTLB_UPDATE),
    NAMED(VHOST_IOTLB_INVALIDATE),
    NAMED(VHOST_IOTLB_BATCH_BEGIN),
    NAMED(VHOST_IOTLB_BATCH_END),
    NAMED(VHOST_BACKEND_F_IOTLB_MSG_V2),
    NAMED(VHOST_BACKEND_F_IOTLB_BATCH),
#ifdef VHOST_BACKEND_F_IOTLB_ASID
    NAMED(VHOST_BACKEND_F_IOTLB_ASID),
#endif
#ifdef VHOST_BACKEND_F_SUSPEND
    NAMED(VHOST_BACKEND_F_SUSPEND),
#endif
};
const size_t kUapiVdpaNumberCount = COUNT(kUapiVdpaNumbers);
