// SPDX-License-Identifier: BSD-3-Clause
//
// std::mutex with the annotations that clang's -Wthread-safety checks.

#ifndef VIRTIO_USER_BASE_MUTEX_H_
#define VIRTIO_USER_BASE_MUTEX_H_

#include <mutex>

#if defined(__clang__)
#define VU_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define VU_THREAD_ANNOTATION(x)
#endif

#define VU_CAPABILITY(x) VU_THREAD_ANNOTATION(capability(x))
#define VU_SCOPED_CAPABILITY VU_THREAD_ANNOTATION(scoped_lockable)
#define VU_GUARDED_BY(x) VU_THREAD_ANNOTATION(guarded_by(x))
#define VU_PT_GUARDED_BY(x) VU_THREAD_ANNOTATION(pt_guarded_by(x))
#define VU_REQUIRES(...) VU_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define VU_ACQUIRE(...) VU_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define VU_RELEASE(...) VU_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define VU_TRY_ACQUIRE(...) \
  VU_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define VU_ASSERT_CAPABILITY() VU_THREAD_ANNOTATION(assert_capability(this))
#define VU_EXCLUDES(...) VU_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace virtio_user {

class VU_CAPABILITY("mutex") Mutex {
 public:
  void Lock() VU_ACQUIRE() { mutex_.lock(); }
  bool TryLock() VU_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void Unlock() VU_RELEASE() { mutex_.unlock(); }
  // Tells the analysis what it cannot see, in a callable run under the lock.
  void AssertHeld() VU_ASSERT_CAPABILITY() {}

 private:
  std::mutex mutex_;
};

class VU_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) VU_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() VU_RELEASE() { mutex_.Unlock(); }

  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_MUTEX_H_
