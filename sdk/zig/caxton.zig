//! Write a Caxton agent in Zig: one function from message to reply, in `src/agent.zig`.
//!
//!     const std = @import("std");
//!     const caxton = @import("caxton");
//!
//!     pub fn handle(turn: std.mem.Allocator, message: []const u8) ![]const u8 {
//!         if (message.len == 0) return caxton.fail("whom shall I greet?");
//!         return std.fmt.allocPrint(turn, "hello, {s}", .{message});
//!     }
//!
//! `turn` is an arena: what it gives lives until the turn ends (a turn is one message and its reply), and is then freed by
//! itself. What is to stay comes from `caxton.allocator`, or goes into the state. An agent may have a second function,
//! `pub fn start() !void`, which is called once, before the first message.
//!
//! Host calls return Zig's errors; `caxton.failure()` tells more about the last one. An error that `handle` returns is the
//! agent's failure, and nothing that the turn has queued happens. Payloads are any bytes. `std.log` and panics write to
//! the agent's log; after a panic the turn has failed, and a new instance takes the next message.

const std = @import("std");
const agent = @import("agent");
const Allocator = std.mem.Allocator;

/// What a host call may come to. The host's error numbers, and memory.
pub const Error = error{
    NotFound,
    Denied,
    BadArgument,
    Limit,
    Timeout,
    /// The other side refused, failed or trapped; `failure().data` is what it said.
    Failed,
    Cycle,
    MailboxFull,
    Unknown,
    Stopped,
    OutOfMemory,
};

/// More about a host call that has failed. It is good until another one fails.
pub const Failure = struct {
    /// The error's message, or what the other side said.
    data: []const u8 = "",
    /// The host's code, such as "grant.denied"; empty where it has none.
    code: []const u8 = "",
    /// Of a reply that was a failure: "failure", "refuse" or "not-understood".
    performative: []const u8 = "",
    /// The same call may work later.
    retryable: bool = false,
};

pub const Reply = struct {
    payload: []const u8,
    performative: []const u8,
};

pub const Level = enum(i32) { trace, debug, info, warning, err };

/// An ask or a tool's call that is under way. It ends with the turn.
pub const Handle = enum(i32) {
    _,

    /// Gives it up; a tool's call is cancelled.
    pub fn cancel(handle: Handle) Error!void {
        try done(host.cancel(@intFromEnum(handle)));
    }
};

pub const Timer = enum(i32) {
    _,

    /// Queues its end.
    pub fn cancel(timer: Timer) Error!void {
        try done(host.cancel_timer(@intFromEnum(timer)));
    }
};

/// Memory for what is kept between messages.
pub const allocator: Allocator = std.heap.wasm_allocator;

/// Answers with a failure: `return caxton.fail("why")`. The payload may be any bytes.
pub fn fail(payload: []const u8) error{AgentFailed} {
    current.refusal = payload;
    return error.AgentFailed;
}

/// What there is to know about the last host call that has failed.
pub fn failure() Failure {
    return current.last_failure;
}

/// Writes a line to the agent's log. `std.log` does so too.
pub fn log(level: Level, line: []const u8) void {
    host.log(@intFromEnum(level), at(line), line.len);
}

/// This agent as JSON: agent, params, attempt, deadline_ms, fuel, grants.
pub fn context(gpa: Allocator) Error![]const u8 {
    return data(gpa, host.context());
}

/// The message's envelope, without its payload, as JSON. `Envelope` reads it.
pub fn envelopeJson(gpa: Allocator) Error![]const u8 {
    return data(gpa, host.envelope());
}

/// An envelope's fields (docs/reference/envelopes.md): what `envelope` gives, and `send` takes. In JSON their names have `-`
/// where they have `_` here. For headers, and for several receivers, there are `envelopeJson` and `sendJson`.
pub const Envelope = struct {
    performative: ?[]const u8 = null,
    sender: ?[]const u8 = null,
    receiver: ?[]const u8 = null,
    conversation_id: ?[]const u8 = null,
    reply_with: ?[]const u8 = null,
    in_reply_to: ?[]const u8 = null,
    reply_by: ?[]const u8 = null,
    ontology: ?[]const u8 = null,
    language: ?[]const u8 = null,
    content_type: ?[]const u8 = null,
    id: ?[]const u8 = null,

    fn key(comptime field: []const u8) []const u8 {
        comptime var name = field[0..field.len].*;
        comptime std.mem.replaceScalar(u8, &name, '_', '-');
        const fixed = name;
        return &fixed;
    }

    pub fn jsonStringify(meta: Envelope, writer: *std.json.Stringify) !void {
        try writer.beginObject();
        inline for (comptime std.meta.fieldNames(Envelope)) |field| {
            if (@field(meta, field)) |value| {
                try writer.objectField(comptime key(field));
                try writer.write(value);
            }
        }
        try writer.endObject();
    }
};

/// The message's envelope. `gpa` should be an arena, `turn` say: what is in the envelope is not freed one by one.
pub fn envelope(gpa: Allocator) Error!Envelope {
    const json = try envelopeJson(gpa);
    const object = std.json.parseFromSliceLeaky(std.json.Value, gpa, json, .{}) catch |e| switch (e) {
        error.OutOfMemory => return error.OutOfMemory,
        else => unreachable, // the host has written it
    };
    var found: Envelope = .{};
    inline for (comptime std.meta.fieldNames(Envelope)) |field| {
        if (object.object.get(comptime Envelope.key(field))) |value| {
            if (value == .string) @field(found, field) = value.string;
        }
    }
    return found;
}

/// Queues an `inform` to an agent.
pub fn tell(to: []const u8, payload: []const u8) Error!void {
    try done(host.tell(at(to), to.len, at(payload), payload.len));
}

/// Queues any envelope. `gpa` is for its JSON.
pub fn send(gpa: Allocator, meta: Envelope, payload: []const u8) Error!void {
    const json = try std.json.Stringify.valueAlloc(gpa, meta, .{});
    defer gpa.free(json);
    try sendJson(json, payload);
}

/// Queues any envelope: its JSON without content, and its payload.
pub fn sendJson(meta: []const u8, payload: []const u8) Error!void {
    try done(host.send_envelope(at(meta), meta.len, at(payload), payload.len));
}

/// Queues a message to everybody who is subscribed to a topic.
pub fn publish(topic: []const u8, payload: []const u8) Error!void {
    try done(host.publish(at(topic), topic.len, at(payload), payload.len));
}

/// Subscribes to a topic or a pattern ("news.*", "news.>").
pub fn subscribe(topic: []const u8) Error!void {
    try done(host.subscribe(at(topic), topic.len));
}

pub fn unsubscribe(topic: []const u8) Error!void {
    try done(host.unsubscribe(at(topic), topic.len));
}

/// Sends a `request` now and waits for the reply, at most `timeout` milliseconds.
pub fn ask(gpa: Allocator, to: []const u8, payload: []const u8, timeout: i64) Error!Reply {
    return (try outcome(gpa, host.ask(at(to), to.len, at(payload), payload.len, timeout))).reply;
}

/// Calls a tool with a JSON object and waits for its result, JSON.
pub fn callTool(gpa: Allocator, name: []const u8, json: []const u8) Error![]const u8 {
    return data(gpa, host.call_tool(at(name), name.len, at(json), json.len));
}

/// As `ask`, without waiting.
pub fn askStart(to: []const u8, payload: []const u8, timeout: i64) Error!Handle {
    return @enumFromInt(try number(host.ask_start(at(to), to.len, at(payload), payload.len, timeout)));
}

/// As `callTool`, without waiting.
pub fn toolStart(name: []const u8, json: []const u8, timeout: i64) Error!Handle {
    return @enumFromInt(try number(host.tool_start(at(name), name.len, at(json), json.len, timeout)));
}

/// Which handle it was, and what it has come to.
pub const Outcome = struct { index: usize, reply: Error!Reply };

/// Waits for the first of up to 64 handles. The error is that of the wait itself.
pub fn wait(gpa: Allocator, handles: []const Handle, timeout: i64) Error!Outcome {
    return outcome(gpa, host.wait(@ptrCast(handles.ptr), handles.len, timeout));
}

/// The tools that this agent may call, with their input schemas, as a JSON array.
pub fn listTools(gpa: Allocator) Error![]const u8 {
    return data(gpa, host.list_tools());
}

/// Sends a part of the reply, now.
pub fn emit(part: []const u8) Error!void {
    try done(host.emit(at(part), part.len));
}

/// No reply at the end of this turn: a later `replyLater` with this token is it.
pub fn deferReply(gpa: Allocator) Error![]const u8 {
    return data(gpa, host.@"defer"());
}

/// Queues the reply that an earlier turn has put off.
pub fn replyLater(gpa: Allocator, token: []const u8, payload: []const u8) Error!void {
    try send(gpa, .{ .performative = "inform", .in_reply_to = token }, payload);
}

/// The agent's own state. It survives restarts.
pub const state = struct {
    pub fn get(gpa: Allocator, key: []const u8) Error![]const u8 {
        return data(gpa, host.state_get(at(key), key.len));
    }

    /// As `get`, but null where there is no such key.
    pub fn find(gpa: Allocator, key: []const u8) Error!?[]const u8 {
        return get(gpa, key) catch |e| if (e == error.NotFound) null else e;
    }

    pub fn put(key: []const u8, value: []const u8) Error!void {
        try done(host.state_put(at(key), key.len, at(value), value.len));
    }

    pub fn delete(key: []const u8) Error!void {
        try done(host.state_delete(at(key), key.len));
    }

    /// The keys with a prefix, in order, as a JSON array.
    pub fn keys(gpa: Allocator, prefix: []const u8) Error![]const u8 {
        return data(gpa, host.state_keys(at(prefix), prefix.len));
    }
};

/// Queues a message to this agent itself, after `delay` ms, and every `period` ms where that is above 0.
pub fn setTimer(delay: i64, period: i64, payload: []const u8) Error!Timer {
    return @enumFromInt(try number(host.set_timer(delay, period, at(payload), payload.len)));
}

/// Unix time in milliseconds. It stands still while a turn computes.
pub fn now() i64 {
    return host.now_ms();
}

/// Nanoseconds since the instance began. It stands still while a turn computes.
pub fn monotonic() i64 {
    return host.monotonic_ns();
}

/// Fills a buffer with random bytes of the host's.
pub fn random(buffer: []u8) void {
    var rest = buffer;
    while (rest.len > 0) {
        const part = rest[0..@min(rest.len, 65_536)]; // the host gives no more at once
        host.random(part.ptr, part.len);
        rest = rest[part.len..];
    }
}

/// Waits so many milliseconds, without using the processor.
pub fn sleep(time: i64) Error!void {
    try done(host.sleep_ms(time));
}

// -- How it is done. Nothing below is for agents to use.

const host = struct {
    extern "caxton" fn log(level: i32, ptr: [*]const u8, len: usize) void;
    extern "caxton" fn read_result(ptr: [*]u8, len: usize) i32;
    extern "caxton" fn result_info() i32;
    extern "caxton" fn context() i32;
    extern "caxton" fn envelope() i32;
    extern "caxton" fn tell(to: [*]const u8, to_len: usize, ptr: [*]const u8, len: usize) i32;
    extern "caxton" fn send_envelope(meta: [*]const u8, meta_len: usize, ptr: [*]const u8, len: usize) i32;
    extern "caxton" fn publish(topic: [*]const u8, topic_len: usize, ptr: [*]const u8, len: usize) i32;
    extern "caxton" fn subscribe(topic: [*]const u8, len: usize) i32;
    extern "caxton" fn unsubscribe(topic: [*]const u8, len: usize) i32;
    extern "caxton" fn ask(to: [*]const u8, to_len: usize, ptr: [*]const u8, len: usize, timeout: i64) i32;
    extern "caxton" fn call_tool(name: [*]const u8, name_len: usize, ptr: [*]const u8, len: usize) i32;
    extern "caxton" fn ask_start(to: [*]const u8, to_len: usize, ptr: [*]const u8, len: usize, timeout: i64) i32;
    extern "caxton" fn tool_start(name: [*]const u8, name_len: usize, ptr: [*]const u8, len: usize, timeout: i64) i32;
    extern "caxton" fn wait(handles: [*]const i32, count: usize, timeout: i64) i32;
    extern "caxton" fn cancel(handle: i32) i32;
    extern "caxton" fn list_tools() i32;
    extern "caxton" fn emit(ptr: [*]const u8, len: usize) i32;
    extern "caxton" fn @"defer"() i32;
    extern "caxton" fn state_get(key: [*]const u8, len: usize) i32;
    extern "caxton" fn state_put(key: [*]const u8, key_len: usize, ptr: [*]const u8, len: usize) i32;
    extern "caxton" fn state_delete(key: [*]const u8, len: usize) i32;
    extern "caxton" fn state_keys(prefix: [*]const u8, len: usize) i32;
    extern "caxton" fn set_timer(delay: i64, period: i64, ptr: [*]const u8, len: usize) i32;
    extern "caxton" fn cancel_timer(id: i32) i32;
    extern "caxton" fn now_ms() i64;
    extern "caxton" fn monotonic_ns() i64;
    extern "caxton" fn random(ptr: [*]u8, len: usize) void;
    extern "caxton" fn sleep_ms(time: i64) i32;
};

/// Where bytes are. Of none at all that may be anywhere; the host wants a place inside the memory.
fn at(bytes: []const u8) [*]const u8 {
    return if (bytes.len == 0) "" else bytes.ptr;
}

/// The turn that is under way.
const current = struct {
    var arena: std.heap.ArenaAllocator = .init(allocator);
    var message: ?[*]u8 = null;
    var reply: []const u8 = "";
    var refusal: []const u8 = "";
    var last_failure: Failure = .{};

    fn end() void {
        message = null;
        reply = "";
        refusal = "";
        last_failure = .{};
        _ = arena.reset(.free_all);
    }
};

/// What `result_info` tells.
const Info = struct {
    number: i32 = 0,
    code: ?[]const u8 = null,
    performative: ?[]const u8 = null,
    retryable: bool = false,
};

fn read(gpa: Allocator, size: i32) Error![]u8 {
    const buffer = try gpa.alloc(u8, @intCast(size));
    if (size > 0) _ = host.read_result(buffer.ptr, buffer.len);
    return buffer;
}

/// The last result, where its size is not told before it is read: an error's message, what a handle came to.
fn readAll(gpa: Allocator) Error![]u8 {
    var room: usize = 256;
    while (true) : (room = 4 * room + 64) {
        const buffer = try gpa.alloc(u8, room);
        const size: usize = @intCast(host.read_result(buffer.ptr, buffer.len));
        if (size < room) return gpa.realloc(buffer, size);
        gpa.free(buffer);
    }
}

fn readInfo() Error!Info {
    const turn = current.arena.allocator();
    const json = try read(turn, host.result_info());
    return parseInfo(turn, json) catch |e| if (e == error.OutOfMemory) error.OutOfMemory else .{};
}

/// By hand: the standard library's whole reader would make each agent 30 kB larger.
fn parseInfo(turn: Allocator, json: []const u8) !Info {
    var scanner: std.json.Scanner = .initCompleteInput(turn, json);
    var info: Info = .{};
    if (try scanner.next() != .object_begin) return info;
    while (true) {
        const key = switch (try scanner.next()) {
            .string => |key| key,
            else => return info,
        };
        const is_text = try scanner.peekNextTokenType() == .string;
        if (std.mem.eql(u8, key, "number")) {
            info.number = std.fmt.parseInt(i32, try scalar(&scanner), 10) catch 0;
        } else if (std.mem.eql(u8, key, "code") and is_text) {
            info.code = try scalar(&scanner);
        } else if (std.mem.eql(u8, key, "performative") and is_text) {
            info.performative = try scalar(&scanner);
        } else if (std.mem.eql(u8, key, "retryable")) {
            info.retryable = try scanner.next() == .true;
        } else {
            try scanner.skipValue();
        }
    }
}

fn scalar(scanner: *std.json.Scanner) ![]const u8 {
    return switch (try scanner.next()) {
        .string, .number => |text| text,
        else => "",
    };
}

fn errorOf(code: i32) Error {
    return switch (code) {
        -1 => error.NotFound,
        -2 => error.Denied,
        -3 => error.BadArgument,
        -4 => error.Limit,
        -5 => error.Timeout,
        -7 => error.Cycle,
        -8 => error.MailboxFull,
        -9 => error.Unknown,
        -10 => error.Stopped,
        else => error.Failed,
    };
}

fn remember(said: []const u8, info: Info) void {
    current.last_failure = .{
        .data = said,
        .code = info.code orelse "",
        .performative = info.performative orelse "",
        .retryable = info.retryable,
    };
}

/// The last result as an error, whose details are kept.
fn failed(code: i32) Error {
    remember(try readAll(current.arena.allocator()), try readInfo());
    return errorOf(code);
}

fn number(answer: i32) Error!i32 {
    return if (answer < 0) failed(answer) else answer;
}

fn done(answer: i32) Error!void {
    if (answer < 0) return failed(answer);
}

fn data(gpa: Allocator, answer: i32) Error![]const u8 {
    return read(gpa, try number(answer));
}

fn outcome(gpa: Allocator, answer: i32) Error!Outcome {
    const index = try number(answer);
    const said = try readAll(gpa);
    const info = try readInfo();
    if (info.number < 0) {
        remember(try current.arena.allocator().dupe(u8, said), info);
        return .{ .index = @intCast(index), .reply = errorOf(info.number) };
    }
    const performative = try gpa.dupe(u8, info.performative orelse "inform");
    return .{ .index = @intCast(index), .reply = .{ .payload = said, .performative = performative } };
}

/// What a failure of the agent says, where it was no `fail`. It asks for no memory where there was none.
fn told(turn: Allocator, reason: anyerror) []const u8 {
    if (reason == error.OutOfMemory) return @errorName(reason);
    const more = current.last_failure;
    if (more.data.len == 0) return @errorName(reason);
    const code = if (more.code.len > 0) more.code else @errorName(reason);
    return std.fmt.allocPrint(turn, "{s}: {s}", .{ code, more.data }) catch @errorName(reason);
}

const exports = struct {
    fn alloc(size: usize) callconv(.c) ?[*]u8 {
        return (allocator.alloc(u8, @max(size, 1)) catch return null).ptr;
    }

    fn free(block: ?[*]u8, size: usize) callconv(.c) void {
        const place = block orelse return;
        if (place == current.message) current.end(); // the host frees it last
        allocator.free(place[0..@max(size, 1)]);
    }

    fn handle(message: [*]u8, size: usize) callconv(.c) i32 {
        current.message = message;
        const turn = current.arena.allocator();
        const reply: anyerror![]const u8 = agent.handle(turn, @as([]const u8, message[0..size]));
        current.reply = reply catch |reason| {
            current.reply = if (reason == error.AgentFailed) current.refusal else told(turn, reason);
            return 1;
        };
        return 0;
    }

    fn respond(to: [*]u8, room: usize) callconv(.c) usize {
        const reply = current.reply;
        if (reply.len <= room) @memcpy(to[0..reply.len], reply);
        return reply.len;
    }

    fn start() callconv(.c) i32 {
        const started: anyerror!void = agent.start();
        started catch |reason| {
            const turn = current.arena.allocator();
            log(.err, if (reason == error.AgentFailed) current.refusal else told(turn, reason));
            return 1;
        };
        current.end();
        return 0;
    }
};

comptime {
    @export(&exports.alloc, .{ .name = "caxton_alloc" });
    @export(&exports.free, .{ .name = "caxton_free" });
    @export(&exports.handle, .{ .name = "handle_message" });
    @export(&exports.respond, .{ .name = "get_response" });
    if (@hasDecl(agent, "start")) @export(&exports.start, .{ .name = "caxton_init" });
}

// This file is the program's root: the standard library looks here.

pub const panic = std.debug.FullPanic(panicked);

fn panicked(message: []const u8, _: ?usize) noreturn {
    log(.err, message);
    @trap();
}

pub const std_options: std.Options = if (@hasDecl(agent, "std_options")) agent.std_options else .{ .logFn = logFn };

/// How `std.log` reaches the agent's log; for an agent that has `std_options` of its own.
pub fn logFn(
    comptime level: std.log.Level,
    comptime scope: @EnumLiteral(),
    comptime format: []const u8,
    arguments: anytype,
) void {
    const prefix = if (scope == .default) "" else "(" ++ @tagName(scope) ++ ") ";
    var buffer: [4096]u8 = undefined;
    var writer: std.Io.Writer = .fixed(&buffer);
    writer.print(prefix ++ format, arguments) catch {}; // what does not fit is cut, as the host would cut it
    log(switch (level) {
        .err => .err,
        .warn => .warning,
        .info => .info,
        .debug => .debug,
    }, writer.buffered());
}
