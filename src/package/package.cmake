# SPDX-License-Identifier: Apache-2.0
# Where everything is installed, and how the .deb is made: `cpack --config build/release/CPackConfig.cmake`.

install(TARGETS pwh RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
file(GLOB PWH_MANUALS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.1)
install(FILES ${PWH_MANUALS} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES completions/pwh.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME pwh)
install(FILES completions/_pwh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES completions/pwh.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
file(GLOB PWH_UNITS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/service/*.service
     ${PROJECT_SOURCE_DIR}/src/service/*.socket ${PROJECT_SOURCE_DIR}/src/service/*.timer)
install(FILES ${PWH_UNITS} DESTINATION lib/systemd/system)

set(PWH_PACKAGE_MAINTAINER "pwh maintainers <pwh@example.org>" CACHE STRING
    "Who answers for the package: Name <address>")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pwh)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${PWH_PACKAGE_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "webhook administration and verifying receiver for Preservica")
set(CPACK_PACKAGE_DESCRIPTION
"pwh administers the webhooks of a Preservica repository, and receives them:
it subscribes with a secret that it makes and keeps safe, verifies every
message, prints events as JSON lines or keeps them in a store, and loses
nothing that it accepted. Made for shell scripts, cron and systemd.")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded when it is needed, so that shlibdeps does not see it.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4 (>= 7.88)")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "jq, bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/src/package/postinst
    ${PROJECT_SOURCE_DIR}/src/package/prerm ${PROJECT_SOURCE_DIR}/src/package/postrm)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/src/package/debian.cmake)
set(CPACK_PWH_FOLDER ${PROJECT_SOURCE_DIR}/src/package)
include(CPack)
