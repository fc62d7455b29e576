// {{name}}: greets whoever it is told of, and remembers who came last.
package main

import (
	"errors"

	"caxton"
)

func init() { caxton.Handle(handle) }

// handle answers one message.
func handle(message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, errors.New("whom shall I greet?") // the asker gets it
	}
	if err := caxton.StatePut("last", message); err != nil {
		return nil, err
	}
	return append([]byte("hello, "), message...), nil
}

func main() {} // never runs: the host calls the handler
