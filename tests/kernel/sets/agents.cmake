# Beside kernel_sets: the process that it starts and ends; and the same for each other layout, from
# headers that make_layout.py changes.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(sets_dir ${CMAKE_CURRENT_SOURCE_DIR}/kernel/sets)
set(abi_dir ${CMAKE_SOURCE_DIR}/include/holdfast/abi)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sets_dir}/make_layout.py)
file(GLOB abi_headers CONFIGURE_DEPENDS ${abi_dir}/*.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${abi_headers})

add_executable(sets_agent ${sets_dir}/agent/main.cpp ${sets_dir}/agent/content.cpp)
target_include_directories(sets_agent PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(sets_agent PRIVATE holdfast_reconcile holdfast_dataplane_kernel)

target_sources(kernel_sets PRIVATE kernel/bpf/lab.cpp ${sets_dir}/agent/content.cpp)
add_dependencies(kernel_sets sets_agent holdfast)

file(GLOB dataplane_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/agent/dataplane/*.cpp
     ${CMAKE_SOURCE_DIR}/agent/dataplane/kernel/*.cpp)
foreach(layout lookup records socket counters all second second_other)
  set(headers ${CMAKE_BINARY_DIR}/layouts/${layout})
  execute_process(COMMAND ${Python3_EXECUTABLE} ${sets_dir}/make_layout.py ${layout} ${abi_dir}
                          ${headers}/holdfast/abi
                  COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB changed ${headers}/holdfast/abi/*.h)
  foreach(object tcp store live)
    bpf_object(${object} ${CMAKE_SOURCE_DIR}/bpf/${object}.bpf.c ${changed} HEADERS ${headers})
  endforeach()
  set(objects tcp_skel_${layout})
  if(layout MATCHES "^second")  # an object more
    bpf_object(extra ${sets_dir}/extra.bpf.c ${changed} HEADERS ${headers})
    write_objects_header(${BPF_OUTPUT}/${layout} tcp extra)
    list(APPEND objects extra_skel_${layout})
  endif()
  set(agent sets_agent_${layout})
  add_executable(${agent} ${sets_dir}/agent/main.cpp ${dataplane_sources})
  target_include_directories(${agent} BEFORE PRIVATE ${headers})
  target_compile_definitions(${agent} PRIVATE HOLDFAST_OTHER_LAYOUT)
  # There are many of them: quick to build.
  target_compile_options(${agent} PRIVATE -O0 -g0)
  set_target_properties(${agent} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  target_link_libraries(${agent} PRIVATE holdfast_model holdfast_host ${objects} store_skel_${layout} live_skel_${layout} move_skel PkgConfig::BPF
                        PkgConfig::CAP)
  add_dependencies(kernel_sets ${agent})
endforeach()
