# install.cmake - an installed library serves pkg-config and find_package, and its sources add_subdirectory:
# cmake -DBUILD=<build> -DROOT=<source tree> -DCC=cc -P install.cmake
set(prefix ${BUILD}/install-test)
set(consumer ${ROOT}/tests/gates/consumer)
file(REMOVE_RECURSE ${prefix})

function(run)
  execute_process(COMMAND ${ARGV} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    string(REPLACE ";" " " command "${ARGV}")
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()
function(run_consumer program)
  run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${library_folder} ${program})
  if(NOT output MATCHES "lenet5 has [1-9]")
    message(FATAL_ERROR "${program} says: ${output}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
file(GLOB_RECURSE pc ${prefix}/*/ocelli.pc)
get_filename_component(pc_folder ${pc} DIRECTORY)
get_filename_component(library_folder ${pc_folder} DIRECTORY)

set(ENV{PKG_CONFIG_PATH} ${pc_folder})
run(pkg-config --cflags --libs ocelli)
separate_arguments(flags UNIX_COMMAND "${output}")
run(${CC} -std=c99 ${consumer}/consumer.c -o ${prefix}/by-pkg-config ${flags})
run_consumer(${prefix}/by-pkg-config)

run(${CMAKE_COMMAND} -S ${consumer} -B ${prefix}/by-find-package -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_C_COMPILER=${CC})
run(${CMAKE_COMMAND} --build ${prefix}/by-find-package)
run_consumer(${prefix}/by-find-package/consumer)

# Compiling the library once more would show nothing new: configuring does.
run(${CMAKE_COMMAND} -S ${consumer} -B ${prefix}/by-add-subdirectory -DSOURCE=${ROOT} -DCMAKE_C_COMPILER=${CC})
