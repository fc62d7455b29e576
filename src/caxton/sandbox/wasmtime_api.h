/* What Python calls of Wasmtime's C API, beside the types that shim.h declares of it. Read by cffi's parser when
 * build_backend/native_abi.py makes native_abi.py of both headers; no C compiler sees it. */

typedef struct wasm_config_t wasm_config_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasm_frame_t wasm_frame_t;
typedef struct wasmtime_module wasmtime_module_t;
typedef struct wasmtime_pooling_allocation_config wasmtime_pooling_allocation_config_t;
typedef struct { size_t size; wasm_frame_t **data; } wasm_frame_vec_t;
typedef struct { const wasm_byte_vec_t *name; const wasmtime_module_t *module; } wasmtime_guestprofiler_modules_t;
typedef struct { size_t size; wasm_valtype_t **data; } wasm_valtype_vec_t;

wasm_config_t *wasm_config_new(void);
void wasm_config_delete(wasm_config_t *);
wasm_engine_t *wasm_engine_new_with_config(wasm_config_t *);
void wasm_engine_delete(wasm_engine_t *);
void wasmtime_config_consume_fuel_set(wasm_config_t *, bool);
void wasmtime_config_epoch_interruption_set(wasm_config_t *, bool);
void wasmtime_config_max_wasm_stack_set(wasm_config_t *, size_t);
void wasmtime_config_async_stack_size_set(wasm_config_t *, size_t);
void wasmtime_config_wasm_threads_set(wasm_config_t *, bool);
void wasmtime_config_shared_memory_set(wasm_config_t *, bool);
void wasmtime_config_wasm_relaxed_simd_set(wasm_config_t *, bool);
void wasmtime_config_wasm_multi_memory_set(wasm_config_t *, bool);
void wasmtime_config_wasm_memory64_set(wasm_config_t *, bool);
void wasmtime_config_wasm_custom_page_sizes_set(wasm_config_t *, bool);
void wasmtime_config_wasm_wide_arithmetic_set(wasm_config_t *, bool);
void wasmtime_config_wasm_stack_switching_set(wasm_config_t *, bool);
void wasmtime_config_wasm_gc_set(wasm_config_t *, bool);
void wasmtime_config_gc_support_set(wasm_config_t *, bool);
void wasmtime_config_wasm_function_references_set(wasm_config_t *, bool);
void wasmtime_config_wasm_exceptions_set(wasm_config_t *, bool);
void wasmtime_config_wasm_component_model_set(wasm_config_t *, bool);
void wasmtime_config_concurrency_support_set(wasm_config_t *, bool);
void wasmtime_config_cranelift_nan_canonicalization_set(wasm_config_t *, bool);
void wasmtime_config_cranelift_opt_level_set(wasm_config_t *, uint8_t);
void wasmtime_config_parallel_compilation_set(wasm_config_t *, bool);
void wasmtime_config_memory_may_move_set(wasm_config_t *, bool);
void wasmtime_config_memory_reservation_set(wasm_config_t *, uint64_t);
void wasmtime_config_memory_reservation_for_growth_set(wasm_config_t *, uint64_t);
void wasmtime_config_memory_guard_size_set(wasm_config_t *, uint64_t);
void wasmtime_config_memory_init_cow_set(wasm_config_t *, bool);

wasmtime_pooling_allocation_config_t *wasmtime_pooling_allocation_config_new(void);
void wasmtime_pooling_allocation_config_delete(wasmtime_pooling_allocation_config_t *);
void wasmtime_pooling_allocation_strategy_set(wasm_config_t *, const wasmtime_pooling_allocation_config_t *);
void wasmtime_pooling_allocation_config_total_core_instances_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_total_component_instances_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_total_memories_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_total_tables_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_total_stacks_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_total_gc_heaps_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_max_memories_per_module_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_max_tables_per_module_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_table_elements_set(wasmtime_pooling_allocation_config_t *, size_t);
void wasmtime_pooling_allocation_config_max_memory_size_set(wasmtime_pooling_allocation_config_t *, size_t);
void wasmtime_pooling_allocation_config_max_core_instance_size_set(wasmtime_pooling_allocation_config_t *, size_t);
void wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(wasmtime_pooling_allocation_config_t *, size_t);
void wasmtime_pooling_allocation_config_table_keep_resident_set(wasmtime_pooling_allocation_config_t *, size_t);
void wasmtime_pooling_allocation_config_max_unused_warm_slots_set(wasmtime_pooling_allocation_config_t *, uint32_t);
void wasmtime_pooling_allocation_config_decommit_batch_size_set(wasmtime_pooling_allocation_config_t *, size_t);

wasmtime_error_t *wasmtime_wat2wasm(const char *, size_t, wasm_byte_vec_t *);
wasmtime_error_t *wasmtime_module_new(wasm_engine_t *, const uint8_t *, size_t, wasmtime_module_t **);
wasmtime_error_t *wasmtime_module_validate(wasm_engine_t *, const uint8_t *, size_t);
wasmtime_error_t *wasmtime_module_serialize(wasmtime_module_t *, wasm_byte_vec_t *);
wasmtime_error_t *wasmtime_module_deserialize(wasm_engine_t *, const uint8_t *, size_t, wasmtime_module_t **);
void wasmtime_module_delete(wasmtime_module_t *);

wasmtime_linker_t *wasmtime_linker_new(wasm_engine_t *);
void wasmtime_linker_delete(wasmtime_linker_t *);
wasmtime_error_t *wasmtime_linker_instantiate_pre(const wasmtime_linker_t *, const wasmtime_module_t *,
                                                  wasmtime_instance_pre_t **);
void wasmtime_instance_pre_delete(wasmtime_instance_pre_t *);

bool wasmtime_instance_export_get(wasmtime_context_t *, const wasmtime_instance_t *, const char *, size_t,
                                  wasmtime_extern_t *);
void wasmtime_global_get(wasmtime_context_t *, const wasmtime_global_t *, wasmtime_val_t *);
bool wasmtime_table_get(wasmtime_context_t *, const wasmtime_table_t *, uint64_t, wasmtime_val_t *);
uint64_t wasmtime_table_size(const wasmtime_context_t *, const wasmtime_table_t *);
wasmtime_error_t *wasmtime_context_set_fuel(wasmtime_context_t *, uint64_t);
bool wasmtime_trap_code(const wasm_trap_t *, uint8_t *);
wasmtime_call_future_t *wasmtime_func_call_async(wasmtime_context_t *, const wasmtime_func_t *, const wasmtime_val_t *,
                                                 size_t, wasmtime_val_t *, size_t, wasm_trap_t **, wasmtime_error_t **);
bool wasmtime_call_future_poll(wasmtime_call_future_t *);
void wasmtime_call_future_delete(wasmtime_call_future_t *);

wasm_valtype_t *wasm_valtype_new(uint8_t);
void wasm_valtype_vec_new(wasm_valtype_vec_t *, size_t, wasm_valtype_t *const *);
wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *, wasm_valtype_vec_t *);
void wasm_functype_delete(wasm_functype_t *);

void wasmtime_engine_increment_epoch(wasm_engine_t *);
void wasmtime_context_set_epoch_deadline(wasmtime_context_t *, uint64_t);
wasmtime_guestprofiler_t *wasmtime_guestprofiler_new(wasm_engine_t *, const wasm_byte_vec_t *, uint64_t,
                                                     const wasmtime_guestprofiler_modules_t *, size_t);
wasmtime_error_t *wasmtime_guestprofiler_finish(wasmtime_guestprofiler_t *, wasm_byte_vec_t *);
void wasmtime_guestprofiler_delete(wasmtime_guestprofiler_t *);

void wasm_byte_vec_delete(wasm_byte_vec_t *);
void wasmtime_error_message(const wasmtime_error_t *, wasm_byte_vec_t *);
void wasmtime_error_delete(wasmtime_error_t *);
void wasmtime_error_wasm_trace(const wasmtime_error_t *, wasm_frame_vec_t *);
void wasm_trap_delete(wasm_trap_t *);
void wasm_trap_message(const wasm_trap_t *, wasm_byte_vec_t *);
void wasm_trap_trace(const wasm_trap_t *, wasm_frame_vec_t *);
void wasm_frame_vec_delete(wasm_frame_vec_t *);
uint32_t wasm_frame_func_index(const wasm_frame_t *);
size_t wasm_frame_module_offset(const wasm_frame_t *);
size_t wasm_frame_func_offset(const wasm_frame_t *);

/* ---- components */

typedef struct wasmtime_component_type_t wasmtime_component_type_t;
typedef struct wasmtime_component_extern_t wasmtime_component_extern_t;
typedef struct { uint8_t kind; union { void *pointer; } of; } wasmtime_component_valtype_t;
typedef struct {
  uint8_t kind;
  union {
    void *pointer;
    wasmtime_component_valtype_t type;
  } of;
} wasmtime_component_item_t;

wasmtime_error_t *wasmtime_component_new(const wasm_engine_t *, const uint8_t *, size_t, wasmtime_component_t **);
wasmtime_error_t *wasmtime_component_serialize(const wasmtime_component_t *, wasm_byte_vec_t *);
wasmtime_error_t *wasmtime_component_deserialize(const wasm_engine_t *, const uint8_t *, size_t,
                                                 wasmtime_component_t **);
void wasmtime_component_delete(wasmtime_component_t *);
wasmtime_component_export_index_t *wasmtime_component_get_export_index(
    const wasmtime_component_t *, const wasmtime_component_export_index_t *, const char *, size_t);
void wasmtime_component_export_index_delete(wasmtime_component_export_index_t *);
wasmtime_component_linker_t *wasmtime_component_linker_new(const wasm_engine_t *);
void wasmtime_component_linker_delete(wasmtime_component_linker_t *);
wasmtime_component_linker_instance_t *wasmtime_component_linker_root(wasmtime_component_linker_t *);
wasmtime_error_t *wasmtime_component_linker_instance_add_instance(
    wasmtime_component_linker_instance_t *, const char *, size_t, wasmtime_component_linker_instance_t **);
void wasmtime_component_linker_instance_delete(wasmtime_component_linker_instance_t *);
wasmtime_error_t *wasmtime_component_linker_define_unknown_imports_as_traps(
    wasmtime_component_linker_t *, const wasmtime_component_t *);
wasmtime_error_t *wasmtime_component_linker_instantiate(
    const wasmtime_component_linker_t *, wasmtime_context_t *, const wasmtime_component_t *,
    wasmtime_component_instance_t *);

wasmtime_store_t *wasmtime_store_new(wasm_engine_t *, void *, void (*)(void *));
void wasmtime_store_delete(wasmtime_store_t *);
wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *);
void wasmtime_store_limiter(wasmtime_store_t *, int64_t, int64_t, int64_t, int64_t, int64_t);

typedef struct wasm_globaltype_t wasm_globaltype_t;
wasm_globaltype_t *wasm_globaltype_new(wasm_valtype_t *, uint8_t);
wasmtime_error_t *wasmtime_global_new(wasmtime_context_t *, const wasm_globaltype_t *, const wasmtime_val_t *,
                                      wasmtime_global_t *);

wasmtime_component_type_t *wasmtime_component_type(const wasmtime_component_t *);
void wasmtime_component_type_delete(wasmtime_component_type_t *);
size_t wasmtime_component_type_import_count(const wasmtime_component_type_t *, const wasm_engine_t *);
bool wasmtime_component_type_import_nth(const wasmtime_component_type_t *, const wasm_engine_t *, size_t,
                                        const char **, size_t *, wasmtime_component_extern_t **);
size_t wasmtime_component_type_export_count(const wasmtime_component_type_t *, const wasm_engine_t *);
bool wasmtime_component_type_export_nth(const wasmtime_component_type_t *, const wasm_engine_t *, size_t,
                                        const char **, size_t *, wasmtime_component_extern_t **);
size_t wasmtime_component_instance_type_export_count(const void *, const wasm_engine_t *);
bool wasmtime_component_instance_type_export_nth(const void *, const wasm_engine_t *, size_t, const char **, size_t *,
                                                 wasmtime_component_extern_t **);
void wasmtime_component_extern_type(const wasmtime_component_extern_t *, wasmtime_component_item_t *);
void wasmtime_component_extern_delete(wasmtime_component_extern_t *);
void wasmtime_component_item_delete(wasmtime_component_item_t *);
size_t wasmtime_component_func_type_param_count(const void *);
bool wasmtime_component_func_type_async(const void *);
bool wasmtime_component_func_type_param_nth(const void *, size_t, const char **, size_t *,
                                            wasmtime_component_valtype_t *);
bool wasmtime_component_func_type_result(const void *, wasmtime_component_valtype_t *);
void wasmtime_component_valtype_delete(wasmtime_component_valtype_t *);
void wasmtime_component_list_type_element(const void *, wasmtime_component_valtype_t *);
size_t wasmtime_component_record_type_field_count(const void *);
bool wasmtime_component_record_type_field_nth(const void *, size_t, const char **, size_t *,
                                              wasmtime_component_valtype_t *);
size_t wasmtime_component_tuple_type_types_count(const void *);
bool wasmtime_component_tuple_type_types_nth(const void *, size_t, wasmtime_component_valtype_t *);
size_t wasmtime_component_variant_type_case_count(const void *);
bool wasmtime_component_variant_type_case_nth(const void *, size_t, const char **, size_t *, bool *,
                                              wasmtime_component_valtype_t *);
size_t wasmtime_component_enum_type_names_count(const void *);
bool wasmtime_component_enum_type_names_nth(const void *, size_t, const char **, size_t *);
void wasmtime_component_option_type_ty(const void *, wasmtime_component_valtype_t *);
bool wasmtime_component_result_type_ok(const void *, wasmtime_component_valtype_t *);
bool wasmtime_component_result_type_err(const void *, wasmtime_component_valtype_t *);
size_t wasmtime_component_flags_type_names_count(const void *);
bool wasmtime_component_flags_type_names_nth(const void *, size_t, const char **, size_t *);
bool wasmtime_component_resource_type_equal(const void *, const void *);
void *wasmtime_component_resource_type_clone(const void *);
void wasmtime_component_resource_type_delete(wasmtime_component_resource_type_t *);

void wasm_byte_vec_new(wasm_byte_vec_t *, size_t, const char *);
void wasmtime_component_vallist_new_uninit(wasmtime_component_vallist_t *, size_t);
void wasmtime_component_valrecord_new_uninit(wasmtime_component_valrecord_t *, size_t);
void wasmtime_component_valtuple_new_uninit(wasmtime_component_valtuple_t *, size_t);
wasmtime_component_val_t *wasmtime_component_val_new(wasmtime_component_val_t *);
void wasmtime_component_val_delete(wasmtime_component_val_t *);
