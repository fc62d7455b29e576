package caxton

import (
	"runtime"
	"strconv"
	"strings"
)

const maxFrames = 32

// logPanic is deferred around everything that an agent may panic in: it logs what and where, and
// traps before the stack is unwound, so that the trap still shows the functions that were on it.
func logPanic() {
	value := recover()
	if value == nil {
		return
	}
	Log(LevelError, "panic: "+describe(value))
	var counters [maxFrames]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters[:])])
	for {
		frame, more := frames.Next()
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") && !strings.HasPrefix(frame.Function, "caxton.") {
			Log(LevelError, "    "+frame.Function+" ("+frame.File+":"+strconv.Itoa(frame.Line)+")")
		}
		if !more {
			break
		}
	}
	trap()
}

// trap executes unreachable.
func trap()

// growStack makes room for logPanic: a stack that has to grow there loses the frames that a trap could show.
func growStack()

func describe(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case error:
		return value.Error()
	case interface{ String() string }:
		return value.String()
	case int:
		return strconv.Itoa(value)
	case bool:
		return strconv.FormatBool(value)
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
	return "a value that is no text"
}
