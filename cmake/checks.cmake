# Targets for those who change the code: `cmake --build build --target tidy` (clang-tidy over the library and the
# program, .clang-tidy) and `--target format` (clang-format over everything, .clang-format).
file(GLOB_RECURSE transload_written CONFIGURE_DEPENDS include/*.h src/*.h src/*.cc cli/*.h cli/*.cc tests/*.h
     tests/*.cc fuzz/*.cc bench/*.cc examples/*.cc)

find_program(CLANG_FORMAT NAMES clang-format-14 clang-format)
if(CLANG_FORMAT)
  add_custom_target(format COMMAND ${CLANG_FORMAT} -i ${transload_written} VERBATIM)
  if(TRANSLOAD_TESTS)
    add_test(NAME style.clang_format COMMAND ${CLANG_FORMAT} --dry-run -Werror --ferror-limit=3 ${transload_written})
    set_tests_properties(style.clang_format PROPERTIES LABELS once)
  endif()
endif()

find_program(RUN_CLANG_TIDY NAMES run-clang-tidy-14 run-clang-tidy)
if(RUN_CLANG_TIDY)
  add_custom_target(tidy COMMAND ${RUN_CLANG_TIDY} -quiet -p ${PROJECT_BINARY_DIR} "/(src|cli)/.*\\.cc$"
                    USES_TERMINAL VERBATIM)
endif()
