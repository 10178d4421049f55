# Warnings, sanitizers, and the tools that make a build faster when they are there.
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -g1
                    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
if(HOLDFAST_WERROR)
  add_compile_options(-Werror)
endif()
if(HOLDFAST_SANITIZE)
  add_compile_options(-fsanitize=${HOLDFAST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HOLDFAST_SANITIZE})
  add_compile_options(-O0)
  # Clang's check of calls through pointers to functions does not assemble in coroutines (LLVM 49689).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND HOLDFAST_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=function)
  endif()
  # Instrumented, GCC 12 takes the inside of std::regex for uninitialized.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  # With precompiled headers (the tests'), as its manual says.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
