# holdfastd of another layout, for outlive.py: holdfastd_layout_<layout>, from the headers of
# make_layout.py; what depends on the layout is compiled anew, the other stages are the same.
# `all` has every layout changed at once. Never shipped, never installed.
foreach(folder app plan reconcile dataplane dataplane/kernel)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/agent/${folder}/*.cpp)
  # The dataplane apart, so that the linker finds the call which trial.cpp takes.
  string(REGEX REPLACE "/.*" "" group ${folder})
  set_source_files_properties(${sources} PROPERTIES UNITY_GROUP ${group})
  list(APPEND layout_sources ${sources})
endforeach()

# Both it and reserve.cpp have a `same`.
set_source_files_properties(${CMAKE_SOURCE_DIR}/agent/plan/compare.cpp
                            PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

function(other_daemon layout)
  set(headers ${CMAKE_BINARY_DIR}/layouts/${layout})
  set(daemon holdfastd_layout_${layout})
  add_executable(${daemon} ${CMAKE_SOURCE_DIR}/agent/daemon/main.cpp trial.cpp ${layout_sources})
  target_include_directories(${daemon} BEFORE PRIVATE ${headers})
  target_include_directories(${daemon} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
  target_compile_options(${daemon} PRIVATE -O1 -g0)
  set_target_properties(${daemon} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  target_link_options(${daemon} PRIVATE
    "-Wl,--wrap=_ZN8holdfast15KernelDataplane4openERKNS_13KernelOptionsE")
  target_link_libraries(${daemon} PRIVATE holdfast_admin holdfast_health holdfast_telemetry
    holdfast_config holdfast_sources_file holdfast_sources_kubernetes_api holdfast_snapshot
    holdfast_host
    tcp_skel_${layout} store_skel_${layout} live_skel_${layout} move_skel
    PkgConfig::BPF PkgConfig::CAP spdlog::spdlog CLI11::CLI11)
endfunction()

other_daemon(all)
