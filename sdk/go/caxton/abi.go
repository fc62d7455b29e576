package caxton

import (
	"errors"
	"unsafe"
)

// Everything is allocated by Go and seen by the host through an address: what the host holds stays in this map, where
// the garbage collector finds it. It moves nothing on the heap.
var pinned = map[unsafe.Pointer][]byte{}

// The response's room is used again in each turn, for no agent ever sees it.
const roomSize = 4096

var (
	room       [roomSize]byte
	responding bool
	response   []byte
)

//go:wasmexport caxton_alloc
func caxtonAlloc(length uint32) unsafe.Pointer {
	if responding && length <= roomSize {
		responding = false // what comes next may be a message, which an agent may keep
		return unsafe.Pointer(&room)
	}
	bytes := make([]byte, max(length, 1))
	start := unsafe.Pointer(unsafe.SliceData(bytes))
	pinned[start] = bytes
	return start
}

//go:wasmexport caxton_free
func caxtonFree(start unsafe.Pointer, length uint32) { delete(pinned, start) }

//go:wasmexport caxton_init
func caxtonInit() int32 {
	defer logPanic()
	if handler == nil {
		Log(LevelError, "no handler: call caxton.Handle in an init function")
		return 1
	}
	if starter == nil {
		return 0
	}
	if err := starter(); err != nil {
		Log(LevelError, err.Error())
		return 1
	}
	return 0
}

//go:wasmexport handle_message
func handleMessage(start unsafe.Pointer, length uint32) int32 {
	defer logPanic()
	response = nil
	growStack()
	reply, err := handler(unsafe.Slice((*byte)(start), length))
	responding = true
	if err == nil {
		response = reply
		return 0
	}
	var failed *failure
	if errors.As(err, &failed) {
		response = failed.payload
	} else {
		response = []byte(err.Error())
	}
	return 1
}

//go:wasmexport get_response
func getResponse(start unsafe.Pointer, length uint32) int32 {
	if int(length) >= len(response) {
		copy(unsafe.Slice((*byte)(start), length), response)
	}
	return int32(len(response))
}
