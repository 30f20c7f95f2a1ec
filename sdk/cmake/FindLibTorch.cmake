# Finds LibTorch in the layout of the PyPI wheel, without the wheel's own CMake files, which require a CUDA toolkit.
#
#   LibTorch_ROOT   CMake or environment variable: folder that contains `lib/` and `include/` (the wheel's `torch/`)
#
# Defines the imported targets LibTorch::c10 and LibTorch::cpu, and sets LibTorch_VERSION.
find_path(LibTorch_INCLUDE_DIR torch/headeronly/version.h PATH_SUFFIXES include)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATH_SUFFIXES lib)
find_library(LibTorch_C10_LIBRARY c10 PATH_SUFFIXES lib)

if(LibTorch_INCLUDE_DIR)
  file(STRINGS "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
  string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" LibTorch_VERSION "${lines}")
endif()

# libtorch_cpu.so links the CUDA runtime and CUPTI even for CPU use; they come in separate wheels.
if(LibTorch_CPU_LIBRARY)
  get_filename_component(libtorch_lib_dir "${LibTorch_CPU_LIBRARY}" DIRECTORY)
  get_filename_component(libtorch_nvidia_dir "${libtorch_lib_dir}/../../nvidia/cu13/lib" ABSOLUTE)
  foreach(library libcudart.so.13 libcupti.so.13)
    if(NOT EXISTS "${libtorch_nvidia_dir}/${library}")
      message(WARNING "FindLibTorch: ${library} is not in ${libtorch_nvidia_dir}. Install the packages nvidia-cuda-runtime and "
                      "nvidia-cuda-cupti 13.2 next to torch, or linking fails.")
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "Set LibTorch_ROOT to the folder of the Python package torch, or, in Cuecard's source tree, run `./run setup` to download it.")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES
    IMPORTED_LOCATION "${LibTorch_C10_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES
    IMPORTED_LOCATION "${LibTorch_CPU_LIBRARY}"
    IMPORTED_LINK_DEPENDENT_LIBRARIES LibTorch::c10
    INTERFACE_LINK_LIBRARIES LibTorch::c10)
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY)
