// Package caxton is what a Caxton agent in Go is written with.
//
// An agent is one function from a message to its reply, handed over while the program initialises:
//
//	package main
//
//	import (
//		"bytes"
//		"caxton"
//	)
//
//	func init() {
//		caxton.Handle(func(message []byte) ([]byte, error) {
//			return bytes.ToUpper(message), nil
//		})
//	}
//
//	func main() {} // never runs: the host calls the handler
//
// Each call of the host is a function here. What goes wrong is an [*Error], whose kind errors.Is tells:
//
//	reply, err := caxton.Ask("worker-1", work, time.Second)
//	if errors.Is(err, caxton.Timeout) { ... }
//
// A turn is one message handled. Tell, Send, Publish, Subscribe, Unsubscribe, StatePut, StateDelete, SetTimer and
// CancelTimer happen when the turn has ended well, in order, or not at all; the rest happens at once. While a call
// waits, the whole agent waits, with its goroutines, and uses no CPU.
//
// Slices and strings belong to the agent: what a call was given may be changed after it, what it has answered may be
// kept.
package caxton

// A Handler answers one message. A nil reply without an error is an empty reply. With an error the agent reports
// failure: what the turn has queued does not happen, and the asker gets the error's text, or what [Failure] carries.
type Handler func(message []byte) (reply []byte, err error)

var (
	handler Handler
	starter func() error
)

// Handle says what answers messages. Call it in an init function.
func Handle(h Handler) { handler = h }

// OnStart says what runs once before the first message. Host calls work there, but there is nothing to answer yet.
// With an error the agent refuses to start. What needs no host call is better done in an init function: the host can
// do that once for many instances.
func OnStart(start func() error) { starter = start }

// Failure makes an error with which a handler reports failure with these bytes instead of a text.
func Failure(payload []byte) error { return &failure{payload} }

type failure struct{ payload []byte }

func (f *failure) Error() string { return string(f.payload) }
