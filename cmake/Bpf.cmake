# bpf_object(name source [included...]): compiles a BPF object and generates its skeleton, usable
# through the interface target `<name>_skel` as #include "<name>.skel.h".
find_program(BPF_CLANG NAMES clang clang-14 clang-16 clang-18 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)
set(BPF_OUTPUT ${CMAKE_BINARY_DIR}/bpf)
file(MAKE_DIRECTORY ${BPF_OUTPUT})

# The multiarch directory holds asm/types.h on Debian and Ubuntu; a BPF target does not search it.
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-multiarch OUTPUT_VARIABLE multiarch
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(BPF_FLAGS -g -O2 -target bpf -mcpu=v3 -std=gnu11 -Wall -Wextra -Wno-missing-declarations -Werror
    -I${CMAKE_SOURCE_DIR}/include -I${CMAKE_SOURCE_DIR}
    # The object's line information goes into the programs: the same bytes wherever it was built.
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -fdebug-compilation-dir=.)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND BPF_FLAGS -D__TARGET_ARCH_arm64)
else()
  list(APPEND BPF_FLAGS -D__TARGET_ARCH_x86)
endif()
if(multiarch)
  list(APPEND BPF_FLAGS -I/usr/include/${multiarch})
endif()

function(bpf_object name source)
  set(object ${BPF_OUTPUT}/${name}.bpf.o)
  set(skeleton ${BPF_OUTPUT}/${name}.skel.h)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bpf/*.h
       ${CMAKE_SOURCE_DIR}/include/holdfast/abi/*.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} ${BPF_FLAGS} -c ${source} -o ${object}
    DEPENDS ${source} ${headers} ${ARGN}
    COMMENT "BPF ${name}")
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}
    DEPENDS ${object})
  add_custom_target(${name}_skel_gen DEPENDS ${skeleton})
  add_library(${name}_skel INTERFACE)
  add_dependencies(${name}_skel ${name}_skel_gen)
  target_include_directories(${name}_skel SYSTEM INTERFACE ${BPF_OUTPUT})
  target_link_libraries(${name}_skel INTERFACE PkgConfig::BPF)
endfunction()
