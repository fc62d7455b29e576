// The conformance agent: what each command does is told in docs/reference/conformance.md.
package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"caxton"
)

// A command has its arguments and the body behind the first line.
type command func(arguments []string, body []byte) ([]byte, error)

var commands map[string]command

func init() {
	commands = map[string]command{
		"conformance":  conformance,
		"echo":         echo,
		"empty":        empty,
		"repeat":       repeat,
		"fail":         fail,
		"panic":        throw,
		"spin":         spin,
		"eat":          eat,
		"count":        count,
		"log":          writeLog,
		"print":        print,
		"context":      context,
		"envelope":     envelope,
		"then":         then,
		"tell":         tell,
		"send":         send,
		"publish":      publish,
		"subscribe":    subscribe,
		"unsubscribe":  unsubscribe,
		"emit":         emit,
		"defer":        deferReply,
		"resume":       resume,
		"ask":          ask,
		"call":         call,
		"tools":        tools,
		"race":         race,
		"tools-race":   toolsRace,
		"gather":       gather,
		"cancel":       cancel,
		"cancel-twice": cancelTwice,
		"get":          get,
		"put":          put,
		"delete":       remove,
		"keys":         keys,
		"timer":        timer,
		"untimer":      untimer,
		"now":          now,
		"monotonic":    monotonic,
		"random":       random,
		"sleep":        sleep,
	}
	caxton.Handle(handle)
}

func main() {}

// handle carries a message out. A host call that has failed is an answer; any other error is a failure of the agent.
func handle(message []byte) ([]byte, error) {
	line, body, _ := bytes.Cut(message, []byte("\n"))
	words := strings.Split(string(line), " ")
	run, known := commands[words[0]]
	if !known {
		return nil, errors.New("unknown command: " + words[0])
	}
	answer, err := run(words[1:], body)
	if failed := (*caxton.Error)(nil); errors.As(err, &failed) {
		code := failed.Code
		if code == "" {
			code = "-"
		}
		return append([]byte("error "+failed.Kind.String()+" "+code+"\n"), failed.Data...), nil
	}
	return answer, err
}

func conformance([]string, []byte) ([]byte, error) { return []byte("caxton-conformance 1 go"), nil }

func echo(_ []string, body []byte) ([]byte, error) { return body, nil }

func empty([]string, []byte) ([]byte, error) { return nil, nil }

func repeat(arguments []string, body []byte) ([]byte, error) {
	return bytes.Repeat(body, integer(arguments, 0)), nil
}

func fail(_ []string, body []byte) ([]byte, error) { return nil, caxton.Failure(body) }

func throw(_ []string, body []byte) ([]byte, error) { panic(string(body)) }

func spin([]string, []byte) ([]byte, error) {
	for {
	}
}

var eaten [][]byte

func eat([]string, []byte) ([]byte, error) {
	for {
		eaten = append(eaten, make([]byte, 1<<16))
	}
}

var counted int

func count([]string, []byte) ([]byte, error) {
	counted++
	return []byte(strconv.Itoa(counted)), nil
}

var levels = map[string]caxton.Level{
	"trace":   caxton.LevelTrace,
	"debug":   caxton.LevelDebug,
	"info":    caxton.LevelInfo,
	"warning": caxton.LevelWarning,
	"error":   caxton.LevelError,
}

func writeLog(arguments []string, body []byte) ([]byte, error) {
	caxton.Log(levels[argument(arguments, 0)], string(body))
	return nil, nil
}

func print(_ []string, body []byte) ([]byte, error) {
	_, err := os.Stdout.Write(append(body, '\n'))
	return nil, err
}

func context([]string, []byte) ([]byte, error) { return caxton.ContextJSON() }

func envelope([]string, []byte) ([]byte, error) { return caxton.CurrentEnvelopeJSON() }

// then carries out two commands in one turn.
func then(arguments []string, body []byte) ([]byte, error) {
	first, second := split(arguments, body)
	answer, err := handle(first)
	if err != nil {
		return nil, err
	}
	other, err := handle(second)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{answer, other}, []byte("\n")), nil
}

// split takes as many bytes from the body as the first argument says.
func split(arguments []string, body []byte) (first, second []byte) {
	at := min(integer(arguments, 0), len(body))
	return body[:at], body[at:]
}

func argument(arguments []string, at int) string {
	if at < len(arguments) {
		return arguments[at]
	}
	return ""
}

func integer(arguments []string, at int) int {
	number, _ := strconv.Atoi(argument(arguments, at))
	return number
}

func milliseconds(arguments []string, at int) time.Duration {
	return time.Duration(integer(arguments, at)) * time.Millisecond
}

func ok(err error) ([]byte, error) { return []byte("ok"), err }
