package caxton

import "unsafe"

// The import module caxton. A pointer and a length stand for bytes, and so does a string. Only what an agent calls
// becomes an import of its module.

//go:wasmimport caxton log
func hostLog(level int32, text string)

//go:wasmimport caxton read_result
func hostReadResult(start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton result_info
func hostResultInfo() int32

//go:wasmimport caxton context
func hostContext() int32

//go:wasmimport caxton envelope
func hostEnvelope() int32

//go:wasmimport caxton tell
func hostTell(to string, start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton send_envelope
func hostSendEnvelope(meta string, start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton publish
func hostPublish(topic string, start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton subscribe
func hostSubscribe(topic string) int32

//go:wasmimport caxton unsubscribe
func hostUnsubscribe(topic string) int32

//go:wasmimport caxton ask
func hostAsk(to string, start unsafe.Pointer, length uint32, timeout int64) int32

//go:wasmimport caxton call_tool
func hostCallTool(name string, start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton ask_start
func hostAskStart(to string, start unsafe.Pointer, length uint32, timeout int64) int32

//go:wasmimport caxton tool_start
func hostToolStart(name string, start unsafe.Pointer, length uint32, timeout int64) int32

//go:wasmimport caxton wait
func hostWait(handles unsafe.Pointer, count uint32, timeout int64) int32

//go:wasmimport caxton cancel
func hostCancel(handle int32) int32

//go:wasmimport caxton list_tools
func hostListTools() int32

//go:wasmimport caxton emit
func hostEmit(start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton defer
func hostDefer() int32

//go:wasmimport caxton state_get
func hostStateGet(key string) int32

//go:wasmimport caxton state_put
func hostStatePut(key string, start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton state_delete
func hostStateDelete(key string) int32

//go:wasmimport caxton state_keys
func hostStateKeys(prefix string) int32

//go:wasmimport caxton set_timer
func hostSetTimer(delay, period int64, start unsafe.Pointer, length uint32) int32

//go:wasmimport caxton cancel_timer
func hostCancelTimer(id int32) int32

//go:wasmimport caxton now_ms
func hostNow() int64

//go:wasmimport caxton monotonic_ns
func hostMonotonic() int64

//go:wasmimport caxton random
func hostRandom(start unsafe.Pointer, length uint32)

//go:wasmimport caxton sleep_ms
func hostSleep(milliseconds int64) int32

// data is where bytes lie. They stay there during a host call, for nothing else runs then.
func data(bytes []byte) (start unsafe.Pointer, length uint32) {
	return unsafe.Pointer(unsafe.SliceData(bytes)), uint32(len(bytes))
}
