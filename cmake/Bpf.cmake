# bpf_object(name source [included...]): compiles a BPF object and generates its skeleton, usable
# through the interface target `<name>_skel` as #include "<name>.skel.h": struct hf_<name>_bpf.
# HEADERS: a directory whose headers come before those of include/; the target is then
# `<name>_skel_<last part of it>`.
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
  cmake_parse_arguments(ARG "" "HEADERS" "" ${ARGN})
  set(output ${BPF_OUTPUT})
  set(target ${name}_skel)
  set(before "")
  if(ARG_HEADERS)
    get_filename_component(variant ${ARG_HEADERS} NAME)
    set(output ${BPF_OUTPUT}/${variant})
    set(target ${name}_skel_${variant})
    set(before -I${ARG_HEADERS})
    file(MAKE_DIRECTORY ${output})
  endif()
  set(object ${output}/${name}.bpf.o)
  set(skeleton ${output}/${name}.skel.h)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bpf/*.h
       ${CMAKE_SOURCE_DIR}/include/holdfast/abi/*.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} ${before} ${BPF_FLAGS} -c ${source} -o ${object}
    DEPENDS ${source} ${headers} ${ARG_UNPARSED_ARGUMENTS}
    COMMENT "BPF ${name}")
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPFTOOL} gen skeleton ${object} name hf_${name}_bpf > ${skeleton}
    DEPENDS ${object})
  add_custom_target(${target}_gen DEPENDS ${skeleton})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_gen)
  target_include_directories(${target} SYSTEM INTERFACE ${output})
  target_link_libraries(${target} INTERFACE PkgConfig::BPF)
endfunction()

# write_objects_header(directory name...): "objects.skel.h" there includes the skeletons of these
# objects. In angle brackets: another layout's stand in a directory that is searched before it.
function(write_objects_header directory)
  set(text "")
  foreach(name ${ARGN})
    string(APPEND text "#include <${name}.skel.h>\n")
  endforeach()
  file(CONFIGURE OUTPUT ${directory}/objects.skel.h CONTENT "${text}")
endfunction()

# bpf_objects(name...): bpf/<name>.bpf.c each; all are usable through `objects_skel` as
# #include "objects.skel.h".
function(bpf_objects)
  write_objects_header(${BPF_OUTPUT} ${ARGN})
  add_library(objects_skel INTERFACE)
  foreach(name ${ARGN})
    bpf_object(${name} ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c)
    target_link_libraries(objects_skel INTERFACE ${name}_skel)
  endforeach()
endfunction()
