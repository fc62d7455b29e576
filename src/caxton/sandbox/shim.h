/* What the shim offers to Python. This file is read twice: by the C compiler, and by cffi (native.py), which is why
 * it holds declarations only. The part between the markers is the part of Wasmtime's C API that Caxton uses, written
 * down anew; tests/sandbox/test_native_layout.py compares every struct with the layouts of the installed wasmtime. */

/* [wasmtime] */
typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasmtime_store wasmtime_store_t;
typedef struct wasmtime_context wasmtime_context_t;
typedef struct wasmtime_caller wasmtime_caller_t;
typedef struct wasmtime_error wasmtime_error_t;
typedef struct wasmtime_linker wasmtime_linker_t;
typedef struct wasmtime_instance_pre wasmtime_instance_pre_t;
typedef struct wasmtime_call_future wasmtime_call_future_t;
typedef struct wasmtime_guestprofiler wasmtime_guestprofiler_t;
typedef struct wasmtime_component_t wasmtime_component_t;
typedef struct wasmtime_component_linker_t wasmtime_component_linker_t;
typedef struct wasmtime_component_linker_instance_t wasmtime_component_linker_instance_t;
typedef struct wasmtime_component_export_index_t wasmtime_component_export_index_t;
typedef struct wasmtime_component_func_type_t wasmtime_component_func_type_t;
typedef struct wasmtime_component_resource_any wasmtime_component_resource_any_t;
typedef struct wasmtime_component_resource_host wasmtime_component_resource_host_t;
typedef struct wasmtime_component_resource_type_t wasmtime_component_resource_type_t;

typedef struct { uint64_t store_id; size_t index; } wasmtime_instance_t;
typedef struct { uint64_t store_id; void *index; } wasmtime_func_t;
typedef struct { struct { uint64_t store_id; uint32_t index1; } outer; uint32_t index2; } wasmtime_memory_t;
typedef struct { struct { uint64_t store_id; uint32_t index1; } outer; uint32_t index2; } wasmtime_table_t;
typedef struct { uint64_t store_id; uint32_t index1; uint32_t index2; uint32_t index3; } wasmtime_global_t;
typedef struct { uint64_t store_id; uint32_t index1; uint32_t index2; void *index3; } wasmtime_ref_t;

typedef struct {
  uint8_t kind;
  union {
    wasmtime_func_t func;
    wasmtime_global_t global;
    wasmtime_table_t table;
    wasmtime_memory_t memory;
  } of;
} wasmtime_extern_t;

typedef struct {
  uint8_t kind;
  union {
    int32_t i32;
    int64_t i64;
    double f64;
    wasmtime_func_t funcref;
    wasmtime_ref_t ref;
    uint8_t v128[16];
  } of;
} wasmtime_val_t;

typedef struct {
  bool (*callback)(void *env);
  void *env;
  void (*finalizer)(void *env);
} wasmtime_async_continuation_t;

typedef struct { size_t size; uint8_t *data; } wasm_byte_vec_t;
typedef struct { uint64_t store_id; uint32_t index; } wasmtime_component_instance_t;
typedef struct { struct { uint64_t store_id; uint32_t index1; } outer; uint32_t index2; void *index3; } wasmtime_component_func_t;

typedef struct wasmtime_component_val wasmtime_component_val_t;
typedef struct wasmtime_component_entry wasmtime_component_valrecord_entry_t;
typedef struct { size_t size; wasmtime_component_val_t *data; } wasmtime_component_vallist_t;
typedef struct { size_t size; wasmtime_component_valrecord_entry_t *data; } wasmtime_component_valrecord_t;
typedef struct { size_t size; wasmtime_component_val_t *data; } wasmtime_component_valtuple_t;
typedef struct { wasm_byte_vec_t discriminant; wasmtime_component_val_t *val; } wasmtime_component_valvariant_t;
typedef struct { bool is_ok; wasmtime_component_val_t *val; } wasmtime_component_valresult_t;

struct wasmtime_component_val {
  uint8_t kind;
  union {
    bool boolean;
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    wasm_byte_vec_t string;
    wasmtime_component_vallist_t list;
    wasmtime_component_valrecord_t record;
    wasmtime_component_valtuple_t tuple;
    wasmtime_component_valvariant_t variant;
    wasm_byte_vec_t enumeration;
    wasmtime_component_val_t *option;
    wasmtime_component_valresult_t result;
    wasmtime_component_resource_any_t *resource;
  } of;
};

struct wasmtime_component_entry {
  wasm_byte_vec_t name;
  wasmtime_component_val_t val;
};
/* [/wasmtime] */

/* What cx_run answers. */
enum cx_status {
  CX_DONE = 0,        /* the job has ended well */
  CX_CALL = 1,        /* host call number `call` waits for its answer */
  CX_YIELD = 2,       /* the slices or the time given are used up; run again to go on */
  CX_RESPONSE = 3,    /* the response lies at response_ptr: copy it, then run again */
  CX_FAULT = 4,       /* the job has failed: see `fault`; the instance is of no further use */
  CX_INTERRUPTED = 5  /* `interrupt` was set while the guest ran */
};

/* Why a job failed. The order is that of traps.py. */
enum cx_fault {
  CX_FAULT_NONE = 0,
  CX_FAULT_TRAP = 1,           /* the guest trapped; trap or error says how */
  CX_FAULT_PROTOCOL = 2,       /* a pointer or length outside the memory, or a response that broke the protocol */
  CX_FAULT_DEADLINE = 3,       /* out of wall time */
  CX_FAULT_HOST_CALLS = 4,     /* more host calls than the limit */
  CX_FAULT_MESSAGE_SIZE = 5,   /* the message does not fit into the window */
  CX_FAULT_RESPONSE_SIZE = 6,  /* the response is larger than the limit, or than the window */
  CX_FAULT_ALLOCATION = 7,     /* the guest's allocator answered 0 */
  CX_FAULT_WINDOW = 8,         /* no page for the window */
  CX_FAULT_REFUSED = 9,        /* caxton_init answered other than 0 */
  CX_FAULT_EXIT = 10,          /* the guest called proc_exit */
  CX_FAULT_HOST = 11,          /* the host ended the turn while it answered a call */
  CX_FAULT_NOT_TEXT = 12       /* a component that takes text only was given something else */
};

/* One import, as the callback needs it. `pairs` holds, for each (pointer, length) pair of the arguments, the index of
 * its pointer in the low nibble (the length follows it), whether the guest's bytes are read (0x10: its length is
 * charged) and whether the length counts 4-byte (0x20) or 8-byte (0x40) elements. */
typedef struct {
  int32_t number;
  uint8_t parameters;
  uint8_t result;  /* 0 none, 1 i32, 2 i64 */
  uint8_t npairs;
  uint8_t pairs[3];
} cx_import_t;

/* A profile being taken. Whoever samples, or ends it, holds `busy`. */
typedef struct {
  wasmtime_guestprofiler_t *profiler; /* NULL once it has ended */
  uint64_t interval_ns;
  uint64_t samples, most_samples;
  uint64_t spent_ns, most_ns;         /* time that taking samples took, which grows with the depth of stacks */
  uint32_t busy;
} cx_profile_t;
/* One function that components may import. `shape` has a letter for each parameter, of which each becomes so many
 * arguments: s string and p payload (address and length in the host), h list<u32> (address and count), u u32, U u64,
 * e enum (its number in `names`); v: any value, kept as it is in `taken`. */
typedef struct {
  int32_t number;
  const char *shape;
  const char *result; /* what cx_reply makes of its arguments; see there */
  uint8_t flat;       /* whether its payloads stay in the memory, in components that are made so */
} cx_component_import_t;

/* A component, and what an instance of it begins with. `places` has two numbers for each of its memories: which of its
 * core instances has it, and which of that instance's memories it is. */
typedef struct {
  const wasmtime_component_t *component;
  const wasmtime_component_linker_t *linker;
  const wasmtime_component_export_index_t *handle;
  const uint32_t *places;
  uint32_t memories;
  uint8_t text_only; /* the export is handle-text */
  /* The second way in, by which payloads cross in the memory that is number `main_memory` of the places; NULL without. */
  const wasmtime_component_export_index_t *direct_handle, *direct_realloc, *direct_free;
  uint32_t main_memory;
  uint8_t flat; /* its host calls hand over addresses and lengths (shim_flat.c) */
} cx_origin_t;

/* Fixed for one module under one set of limits; outlives its instances. Sizes are bytes, fuel is wasmtime's. */
typedef struct {
  wasm_engine_t *engine;
  wasmtime_instance_pre_t *pre;
  const cx_origin_t *origin; /* of a component; then `pre` is NULL */
  int64_t memory_limit;
  int64_t table_limit;
  uint64_t fuel;
  uint64_t slice;
  uint64_t message_limit;
  uint64_t response_limit;
  uint64_t call_limit;
  uint64_t call_cost;
  uint8_t allocator;  /* 0 window, 1 caxton_alloc and caxton_free, 2 malloc and free, 3 none: it gets no message */
  uint8_t has_initialize;
  uint8_t has_init;
  cx_profile_t *profile; /* NULL unless its engine has epochs */
} cx_program_t;

/* What an instance of a component has besides. */
typedef struct {
  wasmtime_component_instance_t instance;
  wasmtime_component_func_t handle;
  wasmtime_component_val_t argument;
  wasmtime_component_val_t result;
  wasmtime_component_func_t realloc, release;
  wasmtime_component_val_t numbers[4]; /* the arguments of a call of the second way in */
  uint64_t meta_length;
  void *message;          /* what `argument` is made of, until Wasmtime has copied it */
  void *items;            /* the bytes of a message that goes as a list, likewise */
  void *response;         /* the bytes of a response that came as a list */
  uint32_t *words;        /* the numbers of a host call's list */
  uint8_t *bytes;         /* the bytes of a host call's list */
  wasmtime_component_val_t taken[16]; /* the values of the pending host call */
  uint32_t ntaken;
  wasmtime_component_val_t *results;
  uint64_t *waits;        /* of pollables: when each is ready; 0 where there is none */
  uint32_t nwaits;
  uint32_t handles;       /* resources of the host that the guest has */
  uint64_t store;         /* its number, while `instance` does not say it */
  uint32_t result_at;     /* of a flat host call: where its result goes */
  void *reply;            /* the pieces of that result that are not there yet */
} cx_part_t;

struct cx_kept;

/* One instance, and the call that it is in. */
typedef struct {
  const cx_program_t *program;
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  wasmtime_call_future_t *future;
  wasm_trap_t *trap;
  wasmtime_error_t *error;

  uint8_t *base; /* the linear memory; it never moves */

  uint32_t call;  /* the pending host call and its arguments, zero- or sign-extended */
  uint32_t pending;
  int64_t arguments[10];
  int64_t result;
  uint32_t answered;
  int32_t fault;

  /* From here to window_len core_abi.py reads in one go. */
  int32_t trap_code;      /* wasmtime's trap code, or -1 */
  int32_t status;         /* what handle_message or caxton_init returned */
  uint64_t response_ptr;
  uint64_t response_len;
  uint64_t fuel_used;
  uint64_t host_calls;
  uint64_t size;          /* of the linear memory, as of the last return from cx_run */
  uint64_t window_len;

  uint64_t deadline_ns;  /* CLOCK_MONOTONIC; 0 is none */
  volatile uint32_t interrupt;

  uint32_t phase;
  uint32_t attempts;
  uint32_t has_memory;
  uint64_t window_ptr;
  uint64_t message_ptr, message_len, buffer_ptr, buffer_len;
  uint64_t slice_mark;
  const uint8_t *message;
  uint8_t *copy; /* of the message, while the guest's allocator runs */
  const void *import;
  uint32_t refused; /* the call that `call` and `arguments` tell of was not let through */
  wasmtime_val_t *results;
  wasm_trap_t **trap_out;

  wasmtime_instance_t instance;
  wasmtime_memory_t memory;
  wasmtime_func_t handle, get, alloc, release, initialize, init;
  wasmtime_val_t values[2];
  wasmtime_val_t value;
  cx_part_t *part; /* of a component */
  uint64_t memory_cap;
  struct cx_kept *kept; /* while the instance rests: what its memory has that the module's image has not */
} cx_slot_t;

uint32_t cx_version(void);
uint64_t cx_now_ns(void);
int cx_can_reserve(uint64_t bytes, int writable);
wasmtime_error_t *cx_define(wasmtime_linker_t *linker, const char *module, size_t module_len, const char *name,
                            size_t name_len, const wasm_functype_t *type, const cx_import_t *import);
cx_slot_t *cx_new(const cx_program_t *program, uint64_t deadline_ns);
int cx_deliver(cx_slot_t *slot, const char *message, uint64_t length, uint64_t deadline_ns);
int cx_run(cx_slot_t *slot, uint32_t slices, uint64_t quantum_ns);
int cx_answer(cx_slot_t *slot, int64_t result);
int cx_charge(cx_slot_t *slot, uint64_t bytes);
uint64_t cx_fuel_left(const cx_slot_t *slot);
void cx_limit_memory(cx_slot_t *slot, int64_t bytes);
void cx_delete(cx_slot_t *slot);
enum { CX_MORE = -2 }; /* what cx_compact answers where it has not come to its end */
int64_t cx_compact(cx_slot_t *slot, int pagemap, uint64_t least);
int64_t cx_kept_length(const cx_slot_t *slot);
wasmtime_guestprofiler_t *cx_end_profile(cx_profile_t *profile);

/* Components. */
wasmtime_error_t *cx_define_component(wasmtime_component_linker_instance_t *linker, const char *name, size_t length,
                                      const cx_component_import_t *import);
wasmtime_error_t *cx_define_resource(wasmtime_component_linker_instance_t *linker, const char *name, size_t length,
                                     uint32_t number);
int cx_deliver_envelope(cx_slot_t *slot, const char *message, uint64_t length, const char *meta, uint64_t meta_length,
                        uint64_t deadline_ns);
int cx_reply(cx_slot_t *slot, int64_t number, const char *data, uint64_t length, const char *info,
             uint64_t info_length);
int cx_settle(cx_slot_t *slot);
int64_t cx_new_wait(cx_slot_t *slot, uint64_t when);
uint64_t cx_wait_at(const cx_slot_t *slot, uint32_t number);
int cx_own(cx_slot_t *slot, wasmtime_component_val_t *into, uint32_t type, uint32_t number);
int cx_is_text(const char *bytes, uint64_t length);
uint64_t cx_memory_at(const wasmtime_context_t *context, uint64_t store, uint32_t instance, uint32_t memory);
const uint8_t *cx_memory_data(const wasmtime_context_t *context, uint64_t store, uint32_t instance, uint32_t memory);
