// A thread of control with its own stack; the address sanitizer is told about every switch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulator {

#if defined(__x86_64__)
// Saves the callee-saved registers on the stack, leaves its address in *from, and takes up the
// stack `to`: swapcontext without its system call, which would be most of the time.
extern "C" void emulator_switch_stack(void** from, void* to);
asm(R"(
.text
.globl emulator_switch_stack
.hidden emulator_switch_stack
.type emulator_switch_stack, @function
emulator_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#endif

class Fiber {
 public:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::size_t stack_bytes = std::size_t{1} << 18;
#else
  static constexpr std::size_t stack_bytes = std::size_t{1} << 16;
#endif

  // `entry` never returns: its last act is to leave for another fiber for good.
  void start(void (*entry)()) {
    if (!stack_) stack_.reset(new unsigned char[stack_bytes]);
#if defined(__x86_64__)
    auto top = reinterpret_cast<std::uintptr_t>(stack_.get() + stack_bytes) & ~std::uintptr_t{15};
    auto* words = reinterpret_cast<void**>(top);
    words[-1] = nullptr;
    words[-2] = reinterpret_cast<void*>(entry);
    for (int i = 3; i <= 8; ++i) words[-i] = nullptr;
    stack_pointer_ = words - 8;
#else
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = stack_bytes;
    context_.uc_link = nullptr;
    makecontext(&context_, entry, 0);
#endif
  }

  // Leaves this fiber, which is running, for `to`; comes back when somebody switches to this one.
  // The first fiber, on the CPU thread's own stack, needs no start().
  void switch_to(Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
    void* fake_stack = nullptr;
    if (!to.stack_) {
      __sanitizer_start_switch_fiber(&fake_stack, to.own_bottom_, to.own_size_);
    } else {
      __sanitizer_start_switch_fiber(&fake_stack, to.stack_.get(), stack_bytes);
    }
    to.came_from_ = this;
#endif
#if defined(__x86_64__)
    emulator_switch_stack(&stack_pointer_, to.stack_pointer_);
#else
    swapcontext(&context_, &to.context_);
#endif
#if defined(__SANITIZE_ADDRESS__)
    arrived(fake_stack);
#endif
  }

  // What `entry` calls first.
  void begin() {
#if defined(__SANITIZE_ADDRESS__)
    arrived(nullptr);
#endif
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  void arrived(void* fake_stack) {
    const void* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
    if (!came_from_->stack_) {
      came_from_->own_bottom_ = bottom;
      came_from_->own_size_ = size;
    }
  }
  Fiber* came_from_ = nullptr;
  const void* own_bottom_ = nullptr;
  std::size_t own_size_ = 0;
#endif
#if defined(__x86_64__)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
  std::unique_ptr<unsigned char[]> stack_;
};

}  // namespace emulator
