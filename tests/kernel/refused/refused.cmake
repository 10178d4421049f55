# SPDX-License-Identifier: Apache-2.0
# The kernel dataplane once more, around an object that the verifier refuses (broken.bpf.c), under the
# skeleton's name, in a directory that is searched first.
set(refused_output ${CMAKE_CURRENT_BINARY_DIR}/refused)
file(MAKE_DIRECTORY ${refused_output})
file(GLOB_RECURSE refused_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bpf/*.h ${CMAKE_SOURCE_DIR}/include/holdfast/abi/*.h)
add_custom_command(
  OUTPUT ${refused_output}/tcp.skel.h
  COMMAND ${BPF_CLANG} ${BPF_FLAGS} -c ${CMAKE_CURRENT_SOURCE_DIR}/kernel/refused/broken.bpf.c -o ${refused_output}/tcp.bpf.o
  COMMAND ${BPFTOOL} gen skeleton ${refused_output}/tcp.bpf.o name hf_tcp_bpf > ${refused_output}/tcp.skel.h
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/kernel/refused/broken.bpf.c ${CMAKE_SOURCE_DIR}/bpf/tcp.bpf.c ${refused_headers}
  COMMENT "BPF refused")
file(GLOB refused_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/agent/dataplane/kernel/*.cpp)
add_executable(refused_agent ${CMAKE_CURRENT_SOURCE_DIR}/kernel/refused/agent.cpp ${refused_sources} ${refused_output}/tcp.skel.h)
target_include_directories(refused_agent BEFORE PRIVATE ${refused_output})
target_include_directories(refused_agent PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
get_target_property(refused_libraries holdfast_dataplane_kernel LINK_LIBRARIES)
target_link_libraries(refused_agent PRIVATE ${refused_libraries})
