/// The commands for shipping and installing plugins. Each returns an exit code and throws errors of <cuecard/error.hpp>.
#pragma once

#include "program/values.hpp"

namespace cuecard::shipping {

int pack(const host::Values& values);
int key(const host::Values& values);
int index(const host::Values& values);
int search(const host::Values& values);
int install(const host::Values& values);
int upgrade(const host::Values& values);
int remove(const host::Values& values);
int verify(const host::Values& values);

} // namespace cuecard::shipping
