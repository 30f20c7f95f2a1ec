/* The binary contract between a host and a plugin, readable as C11 and C++20.
 *
 * A plugin is a shared library that exports one constant data symbol, `cuecard_plugin`. A host reads it before
 * anything else of the library is used: magic, then sizes, then versions and flags. Only when all of them fit
 * does a C++ object cross, through `create`. New fields are only ever added at the end; `struct_size`,
 * `component_size` and `option_size` tell a reader what exists. All strings are UTF-8, constant, never null
 * unless said.
 */
#ifndef CUECARD_PLUGIN_H
#define CUECARD_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUECARD_PLUGIN_MAGIC UINT64_C(0x3164726163657563) /* "cuecard1", little-endian */
#define CUECARD_ABI_MAJOR 2u /* moves when a struct here or an interface's virtual table changes shape */
#define CUECARD_ABI_MINOR 0u /* moves when fields or component kinds are added */

enum cuecard_abi_kind { CUECARD_ABI_CXX = 1 }; /* 2 is reserved for a tier without C++ */

enum cuecard_stdlib { CUECARD_LIBSTDCXX = 1, CUECARD_LIBCXX = 2 };

/* Build flags that change how C++ objects are laid out or freed. All but NDEBUG must equal the host's. */
enum cuecard_abi_flag {
  CUECARD_CXX11_ABI = 1 << 0,
  CUECARD_GLIBCXX_DEBUG = 1 << 1,
  CUECARD_NDEBUG = 1 << 2,
  CUECARD_ASAN = 1 << 3,
  CUECARD_TSAN = 1 << 4,
  CUECARD_MSAN = 1 << 5,
  CUECARD_UBSAN = 1 << 6
};

enum cuecard_component_kind {
  CUECARD_BACKBONE = 1,
  CUECARD_TEMPLATE = 2,
  CUECARD_VERBALIZER = 3,
  CUECARD_TUNER = 4
};

/* What a component learns, in other words what its card holds. */
enum cuecard_learns {
  CUECARD_LEARNS_NOTHING = 0,
  CUECARD_LEARNS_TOKENS = 1,
  CUECARD_LEARNS_TENSORS = 2,
  CUECARD_LEARNS_WEIGHTS = 3
};

enum cuecard_option_type {
  CUECARD_FLAG = 1,
  CUECARD_INTEGER = 2,
  CUECARD_NUMBER = 3,
  CUECARD_TEXT = 4,
  CUECARD_FILE = 5, /* a path: the host reads the file and hands over its text in `prepare` */
  CUECARD_CARD = 6  /* a card: the host hands over what its tuner learned in `prepare` */
};

typedef struct cuecard_option_v1 {
  const char* name; /* kebab-case */
  uint32_t type;    /* cuecard_option_type */
  uint32_t reserved;
  const char* value; /* the default, as a person would type it */
  double minimum;    /* of an integer or number; both 0: any */
  double maximum;
  const char* choices; /* allowed texts separated by '|'; "" : any */
  const char* help;    /* one line */
  const char* source;  /* where the default comes from: a paper's section, a measurement */
} cuecard_option_v1;

typedef struct cuecard_failure {
  char text[2048];   /* filled by `create` when it returns null: zero-terminated UTF-8 */
  int32_t exit_code; /* 2: the options are wrong; 3: the data are; anything else: the plugin failed */
} cuecard_failure;

typedef struct cuecard_component_v1 {
  uint32_t kind;         /* cuecard_component_kind */
  uint32_t kind_version; /* version of that interface; 1 */
  uint32_t learns;       /* cuecard_learns */
  uint32_t option_count;
  uint32_t option_size; /* sizeof(cuecard_option_v1) */
  uint32_t reserved;
  const char* name;        /* unique per kind */
  const char* summary;     /* one line */
  const char* model_types; /* backbones: values of "model_type" separated by '|'; else "" */
  const char* adopts;      /* tuners: PEFT types whose adapters Tuner::adopt takes, separated by '|'; else "" */
  const cuecard_option_v1* options;
  /* Makes one object and returns the pointer to its interface (cuecard::Tuner* for a tuner, and so on), or null
   * with `failure` filled. `arguments` points at cuecard::BackboneArguments for a backbone and at
   * cuecard::Options for the others. Never throws. */
  void* (*create)(const void* arguments, cuecard_failure* failure);
  void (*destroy)(void* object); /* never throws */
} cuecard_component_v1;

typedef struct cuecard_plugin_v1 {
  uint64_t magic;
  uint32_t struct_size; /* sizeof(cuecard_plugin_v1) */
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t abi_kind;  /* cuecard_abi_kind */
  uint64_t torch_abi; /* TORCH_ABI_VERSION of the headers that it was built with */
  uint32_t torch_major;
  uint32_t torch_minor;
  uint32_t torch_patch;
  uint32_t cxx_std;   /* __cplusplus */
  uint32_t stdlib;    /* cuecard_stdlib */
  uint32_t abi_flags; /* cuecard_abi_flag */
  uint32_t component_count;
  uint32_t component_size; /* sizeof(cuecard_component_v1) */
  const char* id;          /* kebab-case; the stem of the library's file name */
  const char* version;
  const char* license;  /* SPDX */
  const char* compiler; /* for people; never compared */
  const char* homepage;
  const cuecard_component_v1* components;
} cuecard_plugin_v1;

#ifdef __cplusplus
}
#endif
#endif
