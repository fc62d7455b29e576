// The agent {{name}}.
package main

import (
	"errors"

	"caxton"
)

func init() { caxton.Handle(handle) }

// handle answers one message.
func handle(message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, errors.New("an empty message")
	}
	caxton.Log(caxton.LevelInfo, "got "+string(message))
	return append([]byte("Hello, "), message...), nil
}

func main() {} // never runs: the host calls the handler
