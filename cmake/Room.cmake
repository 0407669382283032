# room(NAME SOURCES ... ROOMS ... LIBS ...)
#
# A room is one folder of src/ built as a static library. ROOMS are the rooms it may use and LIBS the outside
# libraries; both are also written to <build>/rooms.txt, one line "room: rooms | libraries", which
# tests/integration/links_test.py compares with the allowed picture (design: only gate links pagerduty_write).
set_property(GLOBAL PROPERTY TRIAGED_ROOMS "")

function(room name)
    cmake_parse_arguments(R "" "" "SOURCES;ROOMS;LIBS" ${ARGN})
    add_library(room_${name} STATIC ${R_SOURCES})
    target_link_libraries(room_${name} PRIVATE triaged_flags)
    foreach(other ${R_ROOMS})
        target_link_libraries(room_${name} PUBLIC room_${other})
    endforeach()
    target_link_libraries(room_${name} PUBLIC ${R_LIBS})
    string(REPLACE ";" " " rooms "${R_ROOMS}")
    string(REPLACE ";" " " libs "${R_LIBS}")
    set_property(GLOBAL APPEND PROPERTY TRIAGED_ROOMS "${name}: ${rooms} | ${libs}")
endfunction()

function(write_rooms)
    get_property(lines GLOBAL PROPERTY TRIAGED_ROOMS)
    string(REPLACE ";" "\n" text "${lines}")
    file(WRITE "${PROJECT_BINARY_DIR}/rooms.txt" "${text}\n")
endfunction()
