// SPDX-License-Identifier: BSD-3-Clause
//
// A borrowed callable: two words, no allocation, valid only for the call that
// it is an argument of.

#ifndef VIRTIO_USER_BASE_FUNCTION_REF_H_
#define VIRTIO_USER_BASE_FUNCTION_REF_H_

#include <memory>
#include <type_traits>
#include <utility>

namespace virtio_user {

template <typename Signature>
class FunctionRef;

template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& callable)  // Implicit, so that a lambda can be passed.
      : object_(const_cast<void*>(
            static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(
              std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const {
    return call_(object_, std::forward<Args>(args)...);
  }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_FUNCTION_REF_H_
