# Compiler flags for every target, through one interface library.
add_library(triaged_flags INTERFACE)
target_compile_definitions(triaged_flags INTERFACE _GNU_SOURCE TRIAGED_VERSION="${PROJECT_VERSION}")
target_include_directories(triaged_flags INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_compile_options(triaged_flags INTERFACE
    -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wvla -Walloca
    -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wcast-qual -Wwrite-strings -Wswitch-enum
    -Wnull-dereference -fno-delete-null-pointer-checks
    -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    # clang has no ", ##__VA_ARGS__"-free way to test an empty pack; we use none of the gnu forms.
    target_compile_options(triaged_flags INTERFACE -Wno-gnu-zero-variadic-macro-arguments)
endif()
if(TRIAGED_FAULTS)
    target_compile_definitions(triaged_flags INTERFACE TRIAGED_FAULTS=1)
else()
    target_compile_definitions(triaged_flags INTERFACE TRIAGED_FAULTS=0)
endif()

# Signed overflow wraps in what we ship. Where UBSan watches it stays undefined, or UBSan would not report it.
if(NOT TRIAGED_SANITIZE STREQUAL "address" AND NOT TRIAGED_SANITIZE STREQUAL "fuzzer")
    target_compile_options(triaged_flags INTERFACE -fno-strict-overflow)
endif()

if(TRIAGED_SANITIZE STREQUAL "address")
    target_compile_options(triaged_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined)
    target_link_options(triaged_flags INTERFACE -fsanitize=address,undefined)
elseif(TRIAGED_SANITIZE STREQUAL "thread")
    target_compile_options(triaged_flags INTERFACE -fsanitize=thread)
    target_link_options(triaged_flags INTERFACE -fsanitize=thread)
elseif(TRIAGED_SANITIZE STREQUAL "fuzzer")
    target_compile_options(triaged_flags INTERFACE
        -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
    target_link_options(triaged_flags INTERFACE -fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    # The hardened release of the threat model, section 4.
    target_compile_options(triaged_flags INTERFACE -O2 -fPIE -fstack-clash-protection
        -fcf-protection=full $<$<C_COMPILER_ID:GNU>:-ftrivial-auto-var-init=zero> -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    target_link_options(triaged_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
        -Wl,--as-needed)
endif()
