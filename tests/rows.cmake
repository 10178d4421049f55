# The tests that are scripts, one after the other. Each prints "ok NAME", "FAIL NAME" and "skip NAME: reason"
# lines. What is named here is the short form; the heavy form stands beside it.
function(holdfast_row label name)  # COMMAND...
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 1500 RUN_SERIAL TRUE)
endfunction()
function(holdfast_python label name script)
  holdfast_row(${label} ${name} ${Python3_EXECUTABLE} tests/${script}.py ${ARGN})
endfunction()
set(bin --bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})

holdfast_row(tools lint scripts/lint --no-tidy)
holdfast_row(tools chart scripts/chart)  # rendered and refused by Helm's own engine
holdfast_python(tools image image/image_test ${bin})  # unpacked and run, its root read-only
holdfast_python(tools bench bench/smoke ${bin})  # that the benchmarks work, no figures

holdfast_python(e2e scenario e2e/scenario ${bin})
holdfast_python(e2e snapshots e2e/snapshots ${bin})
holdfast_python(e2e doubt e2e/doubt ${bin})
holdfast_python(e2e memory e2e/memory ${bin})
holdfast_python(e2e claims e2e/claims ${bin})
holdfast_python(e2e links e2e/links ${bin})
holdfast_python(e2e churn e2e/churn ${bin} --replacements 500)  # without --replacements
holdfast_python(e2e outlive e2e/outlive ${bin} --short)         # without --short
holdfast_python(e2e privilege e2e/privilege ${bin})
holdfast_python(e2e systemd e2e/systemd ${bin})
holdfast_row(guest vm scripts/vm --quick)  # without --quick

# They need what `scripts/cluster build` makes.
holdfast_python(cluster cluster cluster/cluster_check)
holdfast_python(cluster apiproxy cluster/apiproxy_check)
holdfast_python(cluster nodes cluster/nodes_check)
holdfast_python(cluster manifests cluster/manifests_check)
holdfast_python(cluster bench_kubernetes bench/kubernetes ${bin} --quick)
holdfast_python(cluster kubernetes e2e/kubernetes ${bin})  # --all --seconds 60
holdfast_python(cluster kubernetes_nodes e2e/kubernetes_nodes ${bin})  # --full

# By scripts/test alone: `ctest -C fuzz`.
add_test(NAME fuzz CONFIGURATIONS fuzz COMMAND scripts/fuzz --seconds 30 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(fuzz PROPERTIES LABELS fuzz TIMEOUT 900)
