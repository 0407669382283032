# embed(TARGET SYMBOL FILE): turns FILE into "const char SYMBOL[]" (NUL-terminated) and "const size_t SYMBOL_len" inside TARGET.
# Made at build time, again when FILE changes.
function(embed target symbol file)
    get_filename_component(source "${file}" ABSOLUTE)
    set(output "${CMAKE_CURRENT_BINARY_DIR}/embed_${symbol}.c")
    add_custom_command(OUTPUT "${output}"
        COMMAND "${CMAKE_COMMAND}" -DINPUT=${source} -DOUTPUT=${output} -DSYMBOL=${symbol}
                -P "${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake"
        DEPENDS "${source}" "${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake"
        COMMENT "Embedding ${symbol}" VERBATIM)
    target_sources(${target} PRIVATE "${output}")
endfunction()
