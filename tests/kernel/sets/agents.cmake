# Beside kernel_sets: the process that it starts and ends.
set(sets_dir ${CMAKE_CURRENT_SOURCE_DIR}/kernel/sets)
add_executable(sets_agent ${sets_dir}/agent/main.cpp ${sets_dir}/agent/content.cpp)
target_include_directories(sets_agent PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(sets_agent PRIVATE holdfast_reconcile holdfast_dataplane_kernel)

target_sources(kernel_sets PRIVATE kernel/bpf/lab.cpp ${sets_dir}/agent/content.cpp)
add_dependencies(kernel_sets sets_agent holdfast)
