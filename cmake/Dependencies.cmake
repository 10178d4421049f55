# Written to the intersection of Debian 12, Ubuntu 24.04 and Fedora (Boost >= 1.81, libbpf >= 1.1).
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp)  # 0.7 has the target without its namespace
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
find_package(PkgConfig REQUIRED)
pkg_check_modules(BPF REQUIRED IMPORTED_TARGET libbpf>=1.1)
# The core alone: the exposer would bring a second HTTP server.
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(CAP REQUIRED IMPORTED_TARGET libcap)
find_package(Threads REQUIRED)

# Boost is used with exceptions caught at the borders, and without what it deprecates.
add_library(holdfast_boost INTERFACE)
target_link_libraries(holdfast_boost INTERFACE Boost::headers)
target_compile_definitions(holdfast_boost INTERFACE BOOST_ASIO_NO_DEPRECATED)
# GCC 12 takes the frames of Asio's coroutines, which have their own operator new and delete, for
# mismatched once it has inlined one of the two.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(holdfast_boost INTERFACE -Wno-mismatched-new-delete)
endif()
