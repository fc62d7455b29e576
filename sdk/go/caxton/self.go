package caxton

import "time"

// A Level says how loud a log line is.
type Level int32

const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarning
	LevelError
)

// Log writes a line to the agent's log. What is written to standard output is logged too, as information, and to
// standard error as a warning: fmt.Println and the package log work.
func Log(level Level, text string) { hostLog(int32(level), text) }

// A Self is what the agent may know about itself.
type Self struct {
	Agent    string              // its name
	Params   map[string]any      // what the operator has configured
	Attempt  int                 // 1 for the first instance, one more after each restart
	Deadline time.Duration       // left of this turn
	Fuel     int64               // left of this turn
	Grants   map[string][]string // what it may reach: "peers", "tools", "topics", ...
}

// Context answers what the agent may know about itself.
func Context() (Self, error) {
	raw, err := ContextJSON()
	if err != nil {
		return Self{}, err
	}
	object, _ := parse(raw).(map[string]any)
	granted, _ := object["grants"].(map[string]any)
	grants := make(map[string][]string, len(granted))
	for name, value := range granted {
		grants[name] = list(value)
	}
	params, _ := object["params"].(map[string]any)
	return Self{
		Agent:    text(object["agent"]),
		Params:   params,
		Attempt:  int(number(object["attempt"])),
		Deadline: time.Duration(number(object["deadline_ms"])) * time.Millisecond,
		Fuel:     number(object["fuel"]),
		Grants:   grants,
	}, nil
}

// ContextJSON is Context as the host writes it.
func ContextJSON() ([]byte, error) { return result("context", hostContext()) }
