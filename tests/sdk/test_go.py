"""The Go SDK: panics are told before the trap, errors are as Go's, memory stays flat, clocks and output are its own."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import pytest

import caxton
from caxton.testing import ECHO, ManualClock
from caxton.toolchain import ToolchainError
from tests.conftest import Run
from tests.sandbox.guests import MIB, Box
from tests.sdk.projects import built

PROGRAM: Final = r"""
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"caxton"
)

var kept [][]byte

func init() {
	caxton.Handle(handle)
	caxton.OnStart(start)
}

func main() {}

func start() error {
	self, err := caxton.Context()
	switch self.Params["start"] {
	case "refuse":
		return errors.New("not today")
	case "panic":
		panic("not so")
	}
	return err
}

func handle(message []byte) ([]byte, error) {
	command, rest, _ := strings.Cut(string(message), " ")
	switch command {
	case "echo":
		return message[5:], nil
	case "keep":
		kept = append(kept, message)
		return bytes.Join(kept, []byte(",")), nil
	case "index":
		var empty []int
		return nil, fmt.Errorf("never %d", empty[len(message)]) // this line
	case "nil":
		var pointer *int
		return nil, fmt.Errorf("never %d", *pointer)
	case "panic":
		panic(fmt.Errorf("%s", rest))
	case "recover":
		return recovered()
	case "wrapped":
		return nil, fmt.Errorf("it did not work: %w", errors.New(rest))
	case "binary":
		return nil, fmt.Errorf("wrapped: %w", caxton.Failure([]byte{0, 255}))
	case "is":
		_, err := caxton.Ask(rest, nil, time.Second)
		var failed *caxton.Error
		return fmt.Appendf(nil, "%v %v %v %q", errors.Is(err, caxton.Denied), errors.Is(err, caxton.Unknown),
			errors.As(err, &failed), failed.Code), nil
	case "failed":
		_, err := caxton.Ask(rest, []byte("wrapped no"), time.Second)
		var failed *caxton.Error
		errors.As(err, &failed)
		return fmt.Appendf(nil, "%v|%s|%s|%s|%v", failed.Kind, failed.Code, failed.Data, failed.Performative, err), nil
	case "print":
		fmt.Print("one")
		fmt.Println(" line")
		fmt.Fprintln(os.Stderr, "another")
		return nil, nil
	case "sleep":
		began := time.Now()
		time.Sleep(3 * time.Second)
		return []byte(time.Since(began).String()), nil
	case "goroutines":
		return goroutines()
	case "elsewhere":
		go panic(rest)
		time.Sleep(time.Second)
	case "deadlock":
		<-make(chan int)
	case "exit":
		os.Exit(3)
	case "garbage":
		for i := range 1000 {
			kept = [][]byte{make([]byte, 1<<16), {byte(i)}}
		}
		return nil, nil
	case "send":
		return nil, caxton.Send(caxton.Envelope{
			Performative: "propose", Receiver: []string{"a", "b"}, ConversationID: "quote \" and \x01 and é",
			ReplyWith: "r", Headers: map[string]string{"z": "1", "a": "2"},
		}, []byte("x"))
	case "json":
		return caxton.Envelope{
			Performative: "propose", Receiver: []string{"a", "b"}, ConversationID: "quote \" and \x01 and é",
			ReplyWith: "r", Headers: map[string]string{"z": "1", "a": "2"},
		}.JSON(), nil
	case "envelope":
		e, err := caxton.CurrentEnvelope()
		return fmt.Appendf(nil, "%s %s %v %s %v",
			e.Performative, e.Sender, e.Receiver, e.ConversationID, e.Headers), err
	case "params":
		self, err := caxton.Context()
		if err != nil {
			return nil, err
		}
		return json.Marshal(self.Params)
	case "context":
		self, err := caxton.Context()
		return fmt.Appendf(nil, "%s %v %d %v %v", self.Agent, self.Params["style"], self.Attempt, self.Deadline,
			self.Grants["peers"]), err
	}
	return nil, errors.New("unknown")
}

func recovered() (reply []byte, err error) {
	defer func() { reply = fmt.Append(nil, "recovered: ", recover()) }()
	panic("mine")
}

// goroutines has a hundred of them wait for each other.
func goroutines() ([]byte, error) {
	var all sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for i := range 100 {
		all.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond)
			lock.Lock()
			defer lock.Unlock()
			sum += i
		})
	}
	all.Wait()
	return fmt.Append(nil, sum), nil
}
"""


@pytest.fixture(scope="module")
def module() -> bytes:
    """The program above, with the names of its functions."""
    return built("go", {"main.go": PROGRAM}, debug=True)[0]


def errors(box: Box) -> list[str]:
    """What was logged at level error."""
    return [line for _, level, line in box.logs if level == "error"]


def line_of(text: str) -> int:
    """The line of the program in which this is."""
    (found,) = [number for number, line in enumerate(PROGRAM.splitlines(), 1) if text in line]
    return found


def test_the_template_answers(box: Box) -> None:
    """As it is made."""
    ref = box.spawn(built("go")[0])
    assert box.ask(ref, "Ann").text == "hello, Ann"
    assert box.fails(ref).code == "agent.failed"


@pytest.mark.parametrize(
    ("message", "said", "place"),
    [
        ("panic at the disco\n\x00", "at the disco\\x0a\\x00", "panic(fmt.Errorf"),
        ("index", "runtime error: index out of range [5] with length 0", "this line"),
        ("nil", "runtime error: invalid memory address or nil pointer dereference", '"never %d", *pointer'),
    ],
)
def test_a_panic_is_logged_with_its_message_and_its_line(
    box: Box, module: bytes, message: str, said: str, place: str
) -> None:
    """Before the trap, at level error: the message, then the functions that were running, innermost first."""
    ref = box.spawn(module)
    error = box.fails(ref, message)
    assert error.code == "trap.unreachable"
    first, second, *_ = errors(box)
    assert first == f"panic: {said}"
    assert second.strip() == f"main.handle (agent/main.go:{line_of(place)})"
    assert box.ask(ref, "echo again").text == "again"


def test_the_trap_shows_the_functions_that_were_running(box: Box, module: bytes) -> None:
    """In a debug build, the one that panicked among them."""
    names = [frame.function for frame in box.fails(box.spawn(module), "index").frames]
    assert names[0] == "caxton.trap"
    assert "main.handle" in names


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        ("elsewhere oh no", "trap.unreachable", "panic: oh no"),
        ("deadlock", "trap.unreachable", "fatal error: all goroutines are asleep - deadlock!"),
        ("exit", "agent.failed", ""),
    ],
)
def test_what_go_itself_gives_up_for_is_told(box: Box, module: bytes, message: str, code: str, said: str) -> None:
    """A panic in another goroutine, a deadlock, os.Exit: Go says why, and the next message finds a new instance."""
    ref = box.spawn(module)
    assert box.fails(ref, message).code == code
    assert not said or said in [line for _, level, line in box.logs if level == "warning"]
    assert box.ask(ref, "echo again").text == "again"


def test_a_panic_may_be_recovered(box: Box, module: bytes) -> None:
    """As in any Go program."""
    ref = box.spawn(module)
    assert box.ask(ref, "recover").text == "recovered: mine"
    assert errors(box) == []


def test_an_error_is_a_failure(box: Box, module: bytes) -> None:
    """With its text, or with the bytes that were given to Failure, however it was wrapped."""
    ref = box.spawn(module)
    for message, payload in (("wrapped why", b"it did not work: why"), ("binary", b"\0\xff")):
        error = box.fails(ref, message)
        assert isinstance(error, caxton.AgentFailed)
        assert error.reply is not None
        assert error.reply.payload == payload


def test_errors_are_told_apart_as_gos_are(box: Box, module: bytes) -> None:
    """errors.Is takes a kind, errors.As gives code, data and performative."""
    ref = box.spawn(module, grants=caxton.Grants(peers=["other", "nobody"]))
    box.spawn(module, name="other")
    assert box.ask(ref, "is stranger").text == 'true false true "grant.denied"'
    assert box.ask(ref, "is nobody").text == 'false true true "agent.unknown"'
    assert box.ask(ref, "failed other").text == (
        "failed|agent.failed|it did not work: no|failure|caxton: ask: failed (agent.failed): it did not work: no"
    )


def test_what_is_printed_is_logged(box: Box, module: bytes) -> None:
    """Standard output as information, standard error as a warning, line by line."""
    box.ask(box.spawn(module, name="it"), "print")
    assert box.logs == [("it", "info", "one line"), ("it", "warning", "another")]


def test_go_sleeps_on_the_hosts_clock(run: Run, module: bytes) -> None:
    """time.Sleep, also under a clock that a test moves, and goroutines that wait."""

    async def main() -> None:
        clock = ManualClock()
        async with caxton.Host(clock=clock) as host:
            ref = await host.spawn("sleeper", module)
            for message, text in (("sleep", "3s"), ("goroutines", "4950")):
                task = asyncio.create_task(ref.ask(message))
                for _ in range(30):
                    await clock.elapse(host, 0.1)
                assert (await task).text == text

    run(main())


def test_messages_may_be_kept(box: Box, module: bytes) -> None:
    """A slice that the handler got is the agent's for good, whatever comes after it, and however often Go cleans up."""
    ref = box.spawn(module)
    whole = ""
    for i in range(20):
        whole += f"{',' if whole else ''}keep {i}"
        assert box.ask(ref, f"keep {i}").text == whole
    box.ask(ref, "garbage")
    assert box.ask(ref, "keep x").text.endswith(",keep x")


def test_memory_stays_flat(run: Run, module: bytes) -> None:
    """Over ten thousand messages of 2 KiB, and a thousand times 64 KiB that nobody needs any more."""

    async def main() -> None:
        async with caxton.Host() as host:
            ref = await host.spawn("echo", module, limits=caxton.Limits(memory="32 MiB"))
            message = b"echo " + bytes(range(256)) * 8
            memory = set()
            for i in range(10_000):
                reply = await ref.ask(message)
                assert reply.payload == message[5:]
                if i >= 3_000:
                    memory.add(reply.usage.memory)
            assert max(memory) - min(memory) <= 4 * MIB  # what Go's heap grows by
            for _ in range(3):
                last = (await ref.ask("garbage")).usage.memory
            assert last < 16 * MIB

    run(main())


def test_envelopes_both_ways(box: Box, module: bytes) -> None:
    """What Go writes is the JSON that the host takes; what the host writes Go reads."""
    ref = box.spawn(module, grants=caxton.Grants(peers=["a", "b"]), params={"style": "short"}, name="go")
    for name in ("a", "b"):
        box.spawn(ECHO, name=name)
    assert json.loads(box.ask(ref, "json").payload) == {
        "performative": "propose",
        "receiver": ["a", "b"],
        "conversation-id": 'quote " and \x01 and é',
        "reply-with": "r",
        "headers": {"z": "1", "a": "2"},
    }
    box.ask(ref, "send")
    assert box.ask(ref, "envelope").text == "request @user [go]  map[]"
    assert box.ask(ref, "context").text == "go short 1 30s [a b]"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"main.go": "package main\nfunc main() { nonsense }"}, "undefined: nonsense"),
        ({"main.go": 'package main\nimport _ "example.com/x"\nfunc main() {}'}, "example.com/x"),
    ],
)
def test_what_does_not_compile_is_told(files: dict[str, str], said: str) -> None:
    """With the compiler's words; a package that is not there is not downloaded."""
    with pytest.raises(ToolchainError) as caught:
        built("go", files)
    assert caught.value.code == "toolchain.failed"
    assert said in caught.value.output


@pytest.mark.parametrize(
    ("start", "code", "said"),
    [("refuse", "agent.refused-start", "not today"), ("panic", "trap.unreachable", "panic: not so")],
)
def test_an_agent_may_refuse_to_start(box: Box, module: bytes, start: str, code: str, said: str) -> None:
    """And says why; a panic there is told as in any turn."""
    assert box.refused(module, params={"start": start}).code == code
    assert errors(box)[0] == said


def test_an_agent_without_a_handler_does_not_start(box: Box) -> None:
    """It says what is missing."""
    text = 'package main\nimport "caxton"\nfunc init() { caxton.OnStart(nil) }\nfunc main() {}\n'
    assert box.refused(built("go", {"main.go": text})[0]).code == "agent.refused-start"
    assert "no handler" in errors(box)[0]


def test_the_sdk_reads_the_hosts_json(box: Box, module: bytes) -> None:
    """Every escape, pairs of halves, numbers, nesting."""
    values: dict[str, Any] = {"style": 'q"\\/\b\f\n\r\t\x01é\U0001f600', "deep": [1, -2.5, True, None, {"a": []}]}
    assert json.loads(box.ask(box.spawn(module, params=values), "params").payload) == values
