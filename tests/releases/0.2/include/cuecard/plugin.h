/** The binary contract between a host and a plugin, readable as C11 and C++20.
 *
 * A plugin is a shared library that exports one constant data symbol, `cuecard_plugin`. A host reads it before anything else of
 * the library is used: magic, then sizes, then versions and flags. Only if all of them match is a C++ object exchanged, through
 * `create`. All strings are UTF-8, constant, and never null unless stated.
 *
 * Versions, and how each part may grow:
 *   - The structs of this file: CUECARD_ABI_MAJOR changes with their layout or meaning and must equal the host's. Fields are only
 *     added at the end; `struct_size`, `component_size` and `option_size` tell a reader which exist, and CUECARD_ABI_MINOR, which
 *     must not exceed the host's, counts such additions.
 *   - The interfaces that a plugin implements (Backbone, Template, Verbalizer, Tuner): each has a version of its own,
 *     `kind_version`, which must equal the host's. It changes with a virtual function or with the layout of a type that the plugin
 *     returns. A host refuses only the components of the kind that differs.
 *   - Argument structs that a host passes by reference (ScoreArgs, ConditionArgs, ...) gain fields at the end without a new version.
 *   - The interfaces that a plugin calls (Engine, Scorer, Vocabulary, Weights) gain virtual functions at the end without a new
 *     version; optional services are extensions, found by name (Engine::extension).
 */
#ifndef CUECARD_PLUGIN_H
#define CUECARD_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUECARD_PLUGIN_MAGIC UINT64_C(0x3164726163657563) /* "cuecard1", little-endian */
#define CUECARD_ABI_MAJOR 3u
#define CUECARD_ABI_MINOR 0u

#define CUECARD_BACKBONE_VERSION 3u
#define CUECARD_TEMPLATE_VERSION 3u
#define CUECARD_VERBALIZER_VERSION 3u
#define CUECARD_TUNER_VERSION 3u

/** Tier of the contract. */
enum cuecard_abi_kind { CUECARD_ABI_CXX = 1 }; /* 2 is reserved for a tier without C++ */

/** The C++ standard library that a plugin was built with. */
enum cuecard_stdlib { CUECARD_LIBSTDCXX = 1, CUECARD_LIBCXX = 2 };

/** Build flags that change how C++ objects are laid out or freed. All but NDEBUG must equal the host's. */
enum cuecard_abi_flag {
  CUECARD_CXX11_ABI = 1 << 0,
  CUECARD_GLIBCXX_DEBUG = 1 << 1,
  CUECARD_NDEBUG = 1 << 2,
  CUECARD_ASAN = 1 << 3,
  CUECARD_TSAN = 1 << 4,
  CUECARD_MSAN = 1 << 5,
  CUECARD_UBSAN = 1 << 6
};

/** The interface that a component implements. */
enum cuecard_component_kind {
  CUECARD_BACKBONE = 1,
  CUECARD_TEMPLATE = 2,
  CUECARD_VERBALIZER = 3,
  CUECARD_TUNER = 4
};

/** What a component trains, in other words what its card holds, whether by gradients or by a search: a tuner that searches for a soft
 * prompt trains tensors. Trained tensors, except a tuner's own weights of the model, are those that `parameters` lists. */
enum cuecard_trains {
  CUECARD_TRAINS_NOTHING = 0,
  CUECARD_TRAINS_TOKENS = 1,
  CUECARD_TRAINS_TENSORS = 2,
  CUECARD_TRAINS_WEIGHTS = 3
};

/** Type of the value of an option. */
enum cuecard_option_type {
  CUECARD_FLAG = 1,
  CUECARD_INTEGER = 2,
  CUECARD_NUMBER = 3,
  CUECARD_TEXT = 4,
  CUECARD_FILE = 5, /* a path: the host reads the file and passes its contents to `prepare` */
  CUECARD_CARD = 6  /* a card: the host passes the state of its tuner to `prepare`; of tuners and verbalizers */
};

/** What an option of a tuner means for a state that another tool trained (Tuner::adopt): the host sets it to match that state. */
enum cuecard_option_role {
  CUECARD_ROLE_NONE = 0,
  CUECARD_ROLE_LENGTH = 1,           /* integer: number of virtual tokens */
  CUECARD_ROLE_REPARAMETRISED = 2,   /* flag: trained through a network; false for an adopted state */
  CUECARD_ROLE_COUNTS_POSITIONS = 3, /* flag: prefixes count as positions; true for an adopted state */
  CUECARD_ROLE_SITE_SELF = 4,        /* flag: the state has a prefix of this site */
  CUECARD_ROLE_SITE_ENCODER = 5,
  CUECARD_ROLE_SITE_CROSS = 6,
  CUECARD_ROLE_RANK = 7,   /* integer: largest rank of a low-rank update */
  CUECARD_ROLE_SCALE = 8,  /* number: scale of the low-rank updates times their rank */
  CUECARD_ROLE_TARGETS = 9 /* text: names of the updated layers, separated by ',' */
};

/** An option of a component. */
typedef struct cuecard_option_v1 {
  const char* name;  /* kebab-case */
  uint32_t type;     /* cuecard_option_type */
  uint32_t role;     /* cuecard_option_role */
  const char* value; /* the default, as a user would type it */
  double minimum;    /* of an integer or number; both 0: any */
  double maximum;
  const char* choices; /* allowed texts separated by '|'; "" : any */
  const char* help;    /* one line */
  const char* source;  /* where the default comes from: a paper's section, a measurement */
  const char*
      needs; /* "OPTION=VALUE|VALUE": values of another option for which this one is used; "": always used */
} cuecard_option_v1;

/** What a cuecard_failure is about. */
typedef enum cuecard_failure_kind {
  CUECARD_FAILURE_PLUGIN = 0,
  CUECARD_FAILURE_OPTIONS = 1,   /* becomes a UsageError of the host */
  CUECARD_FAILURE_DATA = 2,      /* becomes a DataError */
  CUECARD_FAILURE_UNEXPECTED = 3 /* an exception that is no cuecard::Error; the host adds what to do about it */
} cuecard_failure_kind;

/** Why `create` or `describe` failed. */
typedef struct cuecard_failure {
  char text[2048]; /* filled on failure: zero-terminated UTF-8 */
  int32_t kind;    /* cuecard_failure_kind; an unknown one counts as CUECARD_FAILURE_PLUGIN */
} cuecard_failure;

/** A backbone, template, verbalizer or tuner that a plugin offers. */
typedef struct cuecard_component_v1 {
  uint32_t kind;         /* cuecard_component_kind */
  uint32_t kind_version; /* version of that interface: CUECARD_TUNER_VERSION etc. */
  uint32_t trains;       /* cuecard_trains */
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
  /* Backbones: fills a cuecard::BackboneShape from a cuecard::Configuration, without weights. Returns 1, or 0 with `failure` filled.
   * Never throws. Null in other components. */
  int32_t (*describe)(const void* configuration, void* shape, cuecard_failure* failure);
} cuecard_component_v1;

/** What the symbol `cuecard_plugin` points at. */
typedef struct cuecard_plugin_v1 {
  uint64_t magic;       /* CUECARD_PLUGIN_MAGIC */
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
  const char* compiler; /* for information only; never compared */
  const char* homepage;
  const cuecard_component_v1* components;
} cuecard_plugin_v1;

#ifdef __cplusplus
}
#endif
#endif
