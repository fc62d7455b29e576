%% Drives Erlang processes: erl -run upper_agents main MESSAGE_IN_HEX. The protocol is in foreign.py.
-module(upper_agents).
-export([main/1]).

%% 2 Mi words are 16 MiB, the limit that the other peers have.
-define(LIMITS, [{max_heap_size, 2 * 1024 * 1024}]).

main([Hex]) ->
    Message = binary:decode_hex(list_to_binary(Hex)),
    commands(Message, upper(Message), []),
    halt().

commands(Message, Answer, Live) ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            case string:lexemes(Line, " \n") of
                ["speed", Cold, Warm, Most] ->
                    speed(Message, Answer, number(Cold), number(Warm), list_to_integer(Most)),
                    commands(Message, Answer, Live);
                ["open", Count] ->
                    All = open(list_to_integer(Count), Message, Answer, Live),
                    io:format("{\"open\": ~b}~n", [length(All)]),
                    commands(Message, Answer, All)
            end
    end.

number(Text) ->
    case string:to_float(Text) of
        {error, no_float} -> float(list_to_integer(Text));
        {Number, _} -> Number
    end.

%% The agent.

start() -> spawn_opt(fun serve/0, ?LIMITS).

serve() ->
    receive
        {From, Tag, Message} -> From ! {Tag, upper(Message)}, serve();
        stop -> ok
    end.

upper(Message) -> << <<(letter(Byte))>> || <<Byte>> <= Message >>.

letter(Byte) when Byte >= $a, Byte =< $z -> Byte - 32;
letter(Byte) -> Byte.

call(Agent, Message) ->
    Tag = make_ref(),
    Agent ! {self(), Tag, Message},
    receive {Tag, Answer} -> Answer end.

opened(Message, Answer) ->
    Agent = start(),
    Answer = call(Agent, Message),
    Agent.

open(0, _, _, Live) -> Live;
open(Count, Message, Answer, Live) -> open(Count - 1, Message, Answer, [opened(Message, Answer) | Live]).

%% The times.

speed(Message, Answer, ColdSeconds, WarmSeconds, Most) ->
    opened(Message, Answer) ! stop,
    Cold = cold(Message, Answer, Most, from_now(ColdSeconds), []),
    Agent = opened(Message, Answer),
    [Answer = call(Agent, Message) || _ <- lists:seq(1, 2000)],
    Warm = warm(Agent, Message, from_now(WarmSeconds), []),
    Begin = now_ns(),
    Calls = calls(Agent, Message, from_now(WarmSeconds), 0),
    Rate = Calls * 1.0e9 / (now_ns() - Begin),
    Agent ! stop,
    io:format("{\"cold_start_us\": ~.4f, \"warm_p50_us\": ~.4f, \"throughput_per_s\": ~.1f}~n",
              [median(Cold), median(Warm), Rate]).

now_ns() -> erlang:monotonic_time(nanosecond).

from_now(Seconds) -> now_ns() + round(Seconds * 1.0e9).

cold(Message, Answer, Left, End, Samples) ->
    case length(Samples) >= 3 andalso (Left =< 0 orelse now_ns() >= End) of
        true -> Samples;
        false ->
            Begin = now_ns(),
            Agent = start(),
            Got = call(Agent, Message),
            Took = now_ns() - Begin,
            Answer = Got,
            Agent ! stop,
            cold(Message, Answer, Left - 1, End, [Took / 1000 | Samples])
    end.

warm(Agent, Message, End, Samples) ->
    Begin = now_ns(),
    case Begin >= End of
        true -> Samples;
        false ->
            call(Agent, Message),
            warm(Agent, Message, End, [(now_ns() - Begin) / 1000 | Samples])
    end.

calls(Agent, Message, End, Done) ->
    case now_ns() >= End of
        true -> Done;
        false -> batch(Agent, Message, 64), calls(Agent, Message, End, Done + 64)
    end.

batch(_, _, 0) -> ok;
batch(Agent, Message, Left) -> call(Agent, Message), batch(Agent, Message, Left - 1).

median(Samples) ->
    Sorted = lists:sort(Samples),
    Size = length(Sorted),
    Middle = Size div 2,
    case Size rem 2 of
        1 -> lists:nth(Middle + 1, Sorted);
        0 -> (lists:nth(Middle, Sorted) + lists:nth(Middle + 1, Sorted)) / 2
    end.
