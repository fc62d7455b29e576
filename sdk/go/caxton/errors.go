package caxton

import (
	"strconv"
	"unicode/utf8"
)

// A Kind is why a host call failed; errors.Is(err, caxton.Denied) tells whether an error is of a kind.
type Kind int32

const (
	NotFound    Kind = -1  // there is no such value, handle, timer or subscription; or nothing to answer
	Denied      Kind = -2  // not granted
	BadArgument Kind = -3  // not UTF-8, not the right JSON, a bad name, topic or time
	Limit       Kind = -4  // a budget is used up, or something is too large
	Timeout     Kind = -5  // the time is up
	Failed      Kind = -6  // the other side refused, failed or trapped; Data is what it said
	Cycle       Kind = -7  // agents would wait for each other for ever
	MailboxFull Kind = -8  // the other agent's mailbox is full
	Unknown     Kind = -9  // there is no such agent or tool
	Stopped     Kind = -10 // the other agent has stopped
)

var kinds = [...]string{
	"not-found", "denied", "bad-argument", "limit", "timeout", "failed", "cycle", "mailbox-full", "unknown", "stopped",
}

// String is the kind's name: "not-found".
func (k Kind) String() string {
	if k < 0 && int(-k) <= len(kinds) {
		return kinds[-k-1]
	}
	return strconv.Itoa(int(k))
}

// Error makes a kind a target for errors.Is.
func (k Kind) Error() string { return k.String() }

// An Error is a host call that failed.
type Error struct {
	Call         string            // the host call: "ask"
	Kind         Kind              // why it failed
	Code         string            // Caxton's code, such as "grant.denied"; empty where there is none
	Data         []byte            // a sentence; or, where Kind is Failed, what the other side said
	Performative string            // of a reply that was no answer: "failure", "refuse" or "not-understood"
	Headers      map[string]string // of that reply
	Retryable    bool              // whether trying again later makes sense
}

// Error says what failed and why, in one line.
func (e *Error) Error() string {
	text := "caxton: " + e.Call + ": " + e.Kind.String()
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if len(e.Data) > 0 && len(e.Data) <= 1000 && utf8.Valid(e.Data) {
		text += ": " + string(e.Data)
	}
	return text
}

// Is tells whether target is this error's Kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}
