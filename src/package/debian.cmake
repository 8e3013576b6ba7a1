# SPDX-License-Identifier: Apache-2.0
# Run by CPack on the folder that becomes the .deb: what Debian wants otherwise than `cmake --install` does.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(documents ${root}/share/doc/pwh)

function(compress)
  execute_process(COMMAND gzip -9n ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(GLOB manuals ${root}/share/man/man1/*.1)
compress(${manuals})
file(REMOVE ${documents}/LICENSE) # copyright says where it is
configure_file(${CPACK_PWH_FOLDER}/copyright ${documents}/copyright COPYONLY)
string(TIMESTAMP PWH_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(${CPACK_PWH_FOLDER}/changelog.in ${documents}/changelog.Debian @ONLY)
compress(${documents}/changelog.Debian)
file(MAKE_DIRECTORY ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/lib)
file(RENAME ${root}/lib/systemd ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/lib/systemd)
file(REMOVE_RECURSE ${root}/lib)
file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions)
