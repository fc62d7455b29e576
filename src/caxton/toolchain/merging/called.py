"""Which of CPython's functions agents call by way of a table.

Of each function in a table Wasmtime keeps a record for each instance, 32 bytes, written when the function is first
called that way. The records lie in the order in which a module's element segments name the functions. For the 5,700 of
CPython that is 44 pages of 4 KiB, and one turn writes here and there into half of them. So the functions that agents
do call are named first, in a segment that does nothing else.

These are the ones that the 157 behaviours of the conformance suite have called in an agent of componentize-py 0.25.1,
found by building it with a mark at the beginning of each function. A name that a module does not have does no harm, and
one that is missing costs a page at most.
"""

from __future__ import annotations

from typing import Final

_HOST: Final = "adapter "
"""How the names of functions begin through which the component model's are called."""

_NAMES: Final = frozenset(
    """
    BaseException_clear BaseException_dealloc BaseException_init BaseException_new BaseException_traverse
    BaseException_vectorcall PyDict_Contains PyMem_Free PyMem_Malloc PyMem_Realloc PyNumber_Add PyNumber_FloorDivide
    PyNumber_InPlaceAdd PyNumber_Multiply PyNumber_Or PyNumber_Subtract PyNumber_TrueDivide PyObject_Free
    PyObject_GC_Del PyObject_GenericGetAttr PyObject_GenericHash PyObject_GenericSetAttr PyObject_GetItem
    PyObject_SelfIter PyObject_Str PyType_GenericAlloc PyUnicode_Concat PyUnicode_RichCompare
    UnicodeDecodeError_init UnicodeError_clear UnicodeError_dealloc _PyEval_EvalFrameDefault _PyFunction_Vectorcall
    _PyGen_Finalize _PyMem_RawCalloc _PyMem_RawFree _PyMem_RawMalloc _PyMem_RawRealloc _PyType_AllocNoTrack
    _Py_hashtable_get_entry_generic _Py_module_getattro _Py_type_getattro _Py_union_type_or __pthread_getspecific
    __pthread_mutex_lock __pthread_mutex_unlock __pthread_self_internal __stpncpy __strchrnul _io_StringIO___init__
    _random_Random_seed _sre_SRE_Match_end _sre_SRE_Pattern_match builtin_hash builtin_isinstance builtin_len
    builtin_min builtin_print builtin_round bytes___bytes__ bytes_buffer_getbuffer bytes_decode bytes_join
    bytes_length bytes_new bytes_partition bytes_subscript cabi_realloc calloc cell_dealloc
    cfunction_vectorcall_FASTCALL cfunction_vectorcall_FASTCALL_KEYWORDS
    cfunction_vectorcall_FASTCALL_KEYWORDS_METHOD cfunction_vectorcall_NOARGS cfunction_vectorcall_O classmethod_get
    compactlong_float_guard compactlongs_guard dict_dealloc dict_get dict_length dict_subscript dict_tp_clear
    dict_traverse dict_vectorcall encoder_call encoder_clear encoder_dealloc encoder_new float___round__
    float_compactlong_guard float_compactlong_multiply float_dealloc float_from_string_inner float_mul float_neg
    float_repr float_richcompare fnv frame_dealloc frame_tp_clear frame_traverse free func_clear func_dealloc
    func_descr_get gc_traverse gen_dealloc gen_iternext generic_dealloc generic_traverse getset_get
    hashtable_unicode_compare hashtable_unicode_hash int_from_bytes iobase_traverse list_clear_slot list_dealloc
    list_index list_iter list_length list_remove list_subscript list_to_tuple list_traverse list_vectorcall
    listiter_dealloc listiter_len listiter_next long_abs_method long_add_method long_dealloc long_div long_hash
    long_mul_method long_richcompare long_sub_method long_to_decimal_string long_true_divide long_vectorcall malloc
    map_dealloc map_next map_vectorcall match_dealloc math_ceil math_isinf member_get member_set meth_dealloc
    method_dealloc method_get method_traverse method_vectorcall method_vectorcall_FASTCALL
    method_vectorcall_FASTCALL_KEYWORDS method_vectorcall_O nonzero_compactlong_float_guard
    nonzero_float_compactlong_guard object_dealloc object_get_class object_init object_new object_richcompare
    object_str property_descr_get py_encode_basestring_ascii range_dealloc range_iter range_vectorcall
    rangeiter_dealloc rangeiter_next realloc scanner_call set_dealloc set_traverse slice_dealloc
    slot_mp_ass_subscript slot_mp_subscript slot_tp_call slot_tp_descr_get slot_tp_hash slot_tp_init sm_descr_get
    sn_write strict_errors stringio_new stringio_traverse subtype_clear subtype_dealloc subtype_traverse
    super_dealloc super_getattro super_vectorcall tb_dealloc tb_traverse tuple_dealloc tuple_iter tuple_traverse
    tupleiter_dealloc tupleiter_next type_call type_is_gc type_setattro unicode_dealloc unicode_encode unicode_hash
    unicode_isascii unicode_join unicode_length unicode_repeat unicode_split unicode_startswith unicode_vectorcall
    unionobject_dealloc visit_add_to_container visit_decref visit_reachable wrap_init wrap_setattr wrapper_call
    wrapper_dealloc wrapperdescr_call wrapperdescr_get
    """.split()
)


def is_called(name: str) -> bool:
    """Whether agents are known to call a function of that name by way of a table."""
    return name in _NAMES or name.startswith(_HOST)
