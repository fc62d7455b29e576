package caxton

import (
	"time"
	"unsafe"
)

// A Reply is what another agent, or a tool, has answered.
type Reply struct {
	Payload      []byte            // of a tool: its result as JSON
	Performative string            // "inform", "propose", ...; empty for a tool
	Headers      map[string]string // of the reply's envelope
}

// UntilDeadline is a timeout that is longer than any turn: the wait then ends shortly before the turn's deadline.
const UntilDeadline = 366 * 24 * time.Hour

// Ask sends a request to an agent and waits for its reply. A failure, a refusal or a trap there is Failed. A timeout
// of 0 does not wait.
func Ask(to string, payload []byte, timeout time.Duration) (Reply, error) {
	start, length := data(payload)
	bytes, err := result("ask", hostAsk(to, start, length, milliseconds(timeout)))
	if err != nil {
		return Reply{}, err
	}
	return reply(bytes, info()), nil
}

// CallTool calls a tool with a JSON object and answers its result as JSON.
func CallTool(name string, arguments []byte) ([]byte, error) {
	start, length := data(arguments)
	return result("call_tool", hostCallTool(name, start, length))
}

// ListTools answers the tools that this agent may call, as a JSON array of objects with name, description and
// inputSchema.
func ListTools() ([]byte, error) { return result("list_tools", hostListTools()) }

// A Pending is an ask or a call of a tool that goes on meanwhile. It ends with the turn.
type Pending int32

// AskStart is Ask without waiting.
func AskStart(to string, payload []byte, timeout time.Duration) (Pending, error) {
	start, length := data(payload)
	return pending("ask_start", hostAskStart(to, start, length, milliseconds(timeout)))
}

// ToolStart is CallTool without waiting.
func ToolStart(name string, arguments []byte, timeout time.Duration) (Pending, error) {
	start, length := data(arguments)
	return pending("tool_start", hostToolStart(name, start, length, milliseconds(timeout)))
}

func pending(call string, answer int32) (Pending, error) {
	if answer < 0 {
		return 0, failed(call, answer)
	}
	return Pending(answer), nil
}

// Wait waits for the first of up to 64 pending ones. It answers that one's index, which is closed then, with its reply or,
// where it has failed, its error. An index of -1 with an error says that the wait itself has failed.
func Wait(timeout time.Duration, pending ...Pending) (index int, answered Reply, err error) {
	at := hostWait(unsafe.Pointer(unsafe.SliceData(pending)), uint32(len(pending)), milliseconds(timeout))
	if at < 0 {
		return -1, Reply{}, failed("wait", at)
	}
	bytes := last()
	about := info()
	if kind := Kind(number(about["number"])); kind < 0 {
		return int(at), Reply{}, newError("wait", kind, bytes, about)
	}
	return int(at), reply(bytes, about), nil
}

// Wait waits for this one alone.
func (p Pending) Wait(timeout time.Duration) (Reply, error) {
	_, answered, err := Wait(timeout, p)
	return answered, err
}

// Cancel gives it up; a tool's call is cancelled.
func (p Pending) Cancel() error { return done("cancel", hostCancel(int32(p))) }

func reply(payload []byte, about map[string]any) Reply {
	return Reply{payload, text(about["performative"]), texts(about["headers"])}
}
