package main

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"caxton"
)

func tell(arguments []string, body []byte) ([]byte, error) {
	return ok(caxton.Tell(argument(arguments, 0), body))
}

func send(arguments []string, body []byte) ([]byte, error) {
	return ok(caxton.SendJSON(split(arguments, body)))
}

func publish(arguments []string, body []byte) ([]byte, error) {
	return ok(caxton.Publish(argument(arguments, 0), body))
}

func subscribe(arguments []string, _ []byte) ([]byte, error) {
	return ok(caxton.Subscribe(argument(arguments, 0)))
}

func unsubscribe(arguments []string, _ []byte) ([]byte, error) {
	return ok(caxton.Unsubscribe(argument(arguments, 0)))
}

func emit(arguments []string, body []byte) ([]byte, error) {
	for range integer(arguments, 0) {
		if err := caxton.Emit(body); err != nil {
			return nil, err
		}
	}
	return []byte("done"), nil
}

// deferReply keeps what a later reply needs, and who waits for it.
func deferReply([]string, []byte) ([]byte, error) {
	token, err := caxton.Defer()
	if err != nil {
		return nil, err
	}
	current, err := caxton.CurrentEnvelope()
	if err != nil {
		return nil, err
	}
	if err := caxton.StatePut("token", []byte(token)); err != nil {
		return nil, err
	}
	return nil, caxton.StatePut("asker", []byte(current.Sender))
}

func resume(_ []string, body []byte) ([]byte, error) {
	token, err := caxton.StateGet("token")
	if err != nil {
		return nil, err
	}
	return ok(caxton.Send(caxton.Envelope{Performative: "inform", InReplyTo: string(token)}, body))
}

func ask(arguments []string, body []byte) ([]byte, error) {
	reply, err := caxton.Ask(argument(arguments, 0), body, milliseconds(arguments, 1))
	if err != nil {
		return nil, err
	}
	return append([]byte(reply.Performative+"\n"), reply.Payload...), nil
}

func call(arguments []string, body []byte) ([]byte, error) {
	return caxton.CallTool(argument(arguments, 0), body)
}

func tools([]string, []byte) ([]byte, error) { return caxton.ListTools() }

func askAll(arguments []string, body []byte) ([]caxton.Pending, error) {
	var handles []caxton.Pending
	for _, name := range arguments[1:] {
		handle, err := caxton.AskStart(name, body, milliseconds(arguments, 0))
		if err != nil {
			return nil, err
		}
		handles = append(handles, handle)
	}
	return handles, nil
}

func race(arguments []string, body []byte) ([]byte, error) {
	handles, err := askAll(arguments, body)
	if err != nil {
		return nil, err
	}
	return first(arguments, handles)
}

func toolsRace(arguments []string, body []byte) ([]byte, error) {
	var handles []caxton.Pending
	for _, name := range arguments[1:] {
		handle, err := caxton.ToolStart(name, body, milliseconds(arguments, 0))
		if err != nil {
			return nil, err
		}
		handles = append(handles, handle)
	}
	return first(arguments, handles)
}

func first(arguments []string, handles []caxton.Pending) ([]byte, error) {
	index, reply, err := caxton.Wait(milliseconds(arguments, 0), handles...)
	if err != nil {
		return nil, err
	}
	return append([]byte(strconv.Itoa(index)+"\n"), reply.Payload...), nil
}

func gather(arguments []string, body []byte) ([]byte, error) {
	open, err := askAll(arguments, body)
	if err != nil {
		return nil, err
	}
	replies := make([][]byte, len(open))
	places := make([]int, len(open)) // whose handle it is that lies there
	for i := range places {
		places[i] = i
	}
	for len(open) > 0 {
		index, reply, err := caxton.Wait(milliseconds(arguments, 0), open...)
		if err != nil {
			return nil, err
		}
		replies[places[index]] = reply.Payload
		open = slices.Delete(open, index, index+1)
		places = slices.Delete(places, index, index+1)
	}
	return bytes.Join(replies, []byte("\n")), nil
}

func cancel(arguments []string, body []byte) ([]byte, error) {
	handle, err := caxton.AskStart(argument(arguments, 0), body, caxton.UntilDeadline)
	if err != nil {
		return nil, err
	}
	if err := handle.Cancel(); err != nil {
		return nil, err
	}
	reply, err := handle.Wait(caxton.UntilDeadline)
	return reply.Payload, err
}

func cancelTwice(arguments []string, body []byte) ([]byte, error) {
	handle, err := caxton.AskStart(argument(arguments, 0), body, caxton.UntilDeadline)
	if err != nil {
		return nil, err
	}
	if err := handle.Cancel(); err != nil {
		return nil, err
	}
	return ok(handle.Cancel())
}

func get(arguments []string, _ []byte) ([]byte, error) {
	return caxton.StateGet(argument(arguments, 0))
}

func put(arguments []string, body []byte) ([]byte, error) {
	return ok(caxton.StatePut(argument(arguments, 0), body))
}

func remove(arguments []string, _ []byte) ([]byte, error) {
	return ok(caxton.StateDelete(argument(arguments, 0)))
}

func keys(arguments []string, _ []byte) ([]byte, error) {
	found, err := caxton.StateKeys(argument(arguments, 0))
	if err != nil {
		return nil, err
	}
	for i, key := range found {
		found[i] = caxton.Quote(key)
	}
	return []byte("[" + strings.Join(found, ",") + "]"), nil
}

func timer(arguments []string, body []byte) ([]byte, error) {
	id, err := caxton.SetTimer(milliseconds(arguments, 0), milliseconds(arguments, 1), body)
	if err != nil {
		return nil, err
	}
	return []byte(strconv.Itoa(int(id))), nil
}

func untimer(arguments []string, _ []byte) ([]byte, error) {
	return ok(caxton.CancelTimer(caxton.TimerID(integer(arguments, 0))))
}

func now([]string, []byte) ([]byte, error) {
	return []byte(strconv.FormatInt(caxton.Now().UnixMilli(), 10)), nil
}

func monotonic([]string, []byte) ([]byte, error) {
	return []byte(strconv.FormatInt(int64(caxton.Monotonic()), 10)), nil
}

func random(arguments []string, _ []byte) ([]byte, error) {
	bytes := make([]byte, integer(arguments, 0))
	caxton.Random(bytes)
	return bytes, nil
}

func sleep(arguments []string, _ []byte) ([]byte, error) {
	return ok(caxton.Sleep(milliseconds(arguments, 0)))
}
